import { expect } from 'chai';
import { changedLines } from '../../src/core/config/phase-changes.ts';
import { locate } from '../../src/core/config/problem.ts';
import { settingDifferences } from '../../src/core/plan/settings-shown.ts';
import { holdsSecrets, shownAt } from '../../src/core/secrets.ts';

const secret = 'hf_abcdefghijkl';
const before = { env: { HF_TOKEN: secret, A: 'x' } };
const after = { env: { HF_TOKEN: `${secret}mn`, A: 'y', HF_ENDPOINT: 'https://me:pass@mirror' } };

describe('secrets of env', () => {
  it('are known by the name, or as a password in a URL', () => {
    expect(holdsSecrets(before.env)).to.equal(true);
    expect(holdsSecrets({ MIRROR: 'https://me:pass@mirror' })).to.equal(true);
    expect(holdsSecrets({ A: 'x', TOKENIZERS_PARALLELISM: 'false' })).to.equal(false);
    expect(holdsSecrets(undefined)).to.equal(false);
    expect(shownAt('env', before.env)).to.eql({ HF_TOKEN: '[redacted]', A: 'x' });
    expect(shownAt('train.mask_key', 'x')).to.equal('x');
  });

  it('are in no difference, no change and no problem, though what they belong to is named', () => {
    const found = settingDifferences(before, after, {});
    expect(found.find(({ path }) => path === 'env.HF_TOKEN')).to.include({ before: '[redacted]', after: '[redacted]' });
    expect(found.find(({ path }) => path === 'env.A')).to.include({ before: 'x', after: 'y' });
    const source = { file: 'a.yaml', find: () => ({ depth: 0, line: 1 }) };
    const hint = `text that looks like something else needs quotes: "12345"`;
    const problems = locate([{ path: ['env', 'API_KEY'], seen: 12345, message: 'text is expected', hint }], [source]);
    const shown = JSON.stringify([found, changedLines(before, after), changedLines({}, after), problems]);
    expect(shown).to.contain('env.HF_TOKEN').and.contain('https://[redacted]@mirror').and.contain('env.API_KEY');
    expect(shown).not.to.match(/hf_|pass|12345/);
  });
});
