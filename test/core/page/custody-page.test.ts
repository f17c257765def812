import { expect } from 'chai';
import { renderCustody } from '../../../src/core/page/custody-page.ts';
import { makeRow, noCustody } from '../../helpers/rows.ts';

const hash = (letter: string): string => letter.repeat(64);

describe('the custody page', () => {
  it('shows equal contents side by side and every hash whole', () => {
    const custody = {
      ...{ data: hash('d'), base: hash('b'), adapter: hash('a'), iteration: 600, resume: hash('r'), model: hash('e') },
      ...{ suite: hash('c'), prompts: hash('9'), prompts_date: '2026-11-28', config: hash('f') },
      server: { name: 'server.2', nonce: '00ff', model_id: 'default_model', answers: 27 },
      host: { name: 'mini|1', system: 'darwin 25.1.0 arm64', cpu: 'Apple M4 Pro', memory_bytes: 64 * 2 ** 30 },
    };
    const versions = { mlx: '0.32.4', mlx_lm: '0.32.2', phasebox: '0.1.0' };
    const page = renderCustody([makeRow({ custody, versions }), makeRow({ run: '43a-s1', seed: 1 })]);
    expect(page).to.contain('| 43a-s0 | `dddddddddddd` | `bbbbbbbbbbbb` | `aaaaaaaaaaaa` |');
    expect(page).to.contain('| verified | mini\\|1 |').and.to.contain('| 43a-s1 | – | – |');
    expect(page).to.contain(`rendered prompts (dated 2026-11-28): \`${hash('9')}\``);
    for (const letter of 'dbaecfr') expect(page, letter).to.contain(hash(letter));
    expect(page).to.contain('adapter of iteration 600').and.to.contain('(a warm start)');
    expect(page).to.contain(
      '(`43a/43a-s0/6-eval/server.2/log.txt`), which proves that this process answered. It gave 27 answers, each with the model id `default_model`',
    );
    expect(page).to.contain('versions: mlx 0.32.4, mlx\\_lm 0.32.2, phasebox 0.1.0'.replace('\\_', '_'));
    expect(page).to.contain('machine: mini\\|1, Apple M4 Pro, 64 GB memory, darwin 25.1.0 arm64');
    expect(page.split('## 43a-s1')[1]).to.contain('server: not verified');
  });

  it('has something to say of rows of an older version, and of none', () => {
    const page = renderCustody([makeRow({ custody: noCustody, eval_identity: null, model: null, seed: null })]);
    expect(page).to.contain('- done, ended 2026-11-21 22:50 UTC\n- server: not verified');
    expect(renderCustody([])).to.equal('# Provenance of each run\n\nNo run is finished yet.\n');
  });
});
