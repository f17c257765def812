import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { tempDir } from '../helpers/temp.ts';

/** Opens a text file as mlx_lm and most scripts do, without naming an encoding, and prints what is in it. */
const reader = 'import sys\nprint(open(sys.argv[1]).read(), sys.argv[1])\n';

/** A Python left alone with this reads and prints ASCII only. */
const ascii = { LC_ALL: 'C', PYTHONUTF8: '0', PYTHONCOERCECLOCALE: '0', PYTHONIOENCODING: 'ascii' };

describe('a night in the home folder, under LC_ALL=C', () => {
  let chain: Chain;
  let home: string;
  before(async () => {
    home = await tempDir('home');
    const notify = ['~/ring it.sh', '~'];
    chain = await makeChain({ python: '~/bin/python', notify }, { HOME: home, ...ascii });
    await mkdir(join(home, 'bin'));
    const standIn = resolve('test/fixtures/bin/python');
    await writeFile(join(home, 'bin/python'), `#!/bin/sh\nexec '${standIn}' "$@"\n`);
    await writeFile(join(home, 'ring it.sh'), '#!/bin/sh\nprintf "%s %s" "$1" "$PHASEBOX_ROW" >"$1/rung"\n');
    for (const name of ['bin/python', 'ring it.sh']) await chmod(join(home, name), 0o755);
    await writeFile(join(home, 'prüfung.py'), reader);
    await writeFile(join(home, 'Größe 夜.txt'), 'naïve 夜 🎉');
    await writeFile(join(home, 'scorer.py'), await readFile(resolve('test/fixtures/bin/scorer.py')));
    await writeFile(join(home, 'wörter.json'), JSON.stringify({ p0: 'read_file', p1: 'lint', p2: 'é' }));
  });
  after(() => chain.remove());

  it('runs preflight, scorer and notify out of ~, and every Python reads and prints UTF-8', async () => {
    const prompts = ['p0', 'p1', 'p2'].map((id) => ({ id, category: 'git', prompt: `größer 夜 ${id}` }));
    const scorer = { command: ['python3', '~/scorer.py', '~/wörter.json'] };
    await chain.write('suites/夜.yaml', stringify({ suite: 'nacht', prompts, scorer }));
    await chain.write(
      'inbox/Nächte.yaml',
      config('p', {
        ...{
          title: 'Größer 夜',
          env: { TELL: 'PYTHONUTF8' },
          preflight: [['python3', '~/prüfung.py', '~/Größe 夜.txt']],
        },
        eval: { suite: 'suites/夜.yaml', base: false, cost: false },
      }),
    );
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up.code, up.out + up.err).to.equal(0);
    expect(await chain.read('artifacts/p/p-s0/1-train/preflight-1/log.txt')).to.contain(
      `naïve 夜 🎉 ${home}/Größe 夜.txt`,
    );
    for (const { tool, env, run } of await chain.calls())
      if (run !== null) expect(env, tool).to.eql({ PYTHONUTF8: '1' });
    const row = await chain.row('p-s0');
    expect(row).to.include({ status: 'done' });
    expect(await readFile(join(home, 'rung'), 'utf8')).to.equal(`${home} ${JSON.stringify(row)}`);
    const manifest = JSON.parse(await chain.read('artifacts/p/p-s0/6-eval/manifest.json'));
    expect(Object.keys(manifest.inputs)).to.include.members(['scorer ~/scorer.py', 'scorer ~/wörter.json']);
    expect(JSON.stringify(manifest.commands)).to.contain(`${home}/scorer.py`);
  });

  it('takes --workspace=~/..., and refuses ~name', async () => {
    await mkdir(join(home, 'w'));
    const made = await chain.phasebox('--workspace=~/w', 'init');
    expect(made.code, made.err).to.equal(0);
    expect(made.out).to.contain(`${join(home, 'w')} is a phasebox workspace`);
    const refused = await chain.phasebox('--workspace=~bob/w', 'status');
    expect(refused).to.include({ code: 2, out: '' });
    expect(refused.err).to.match(/^--workspace=~bob\/w: the home folder of another user .*\n$/);
  });
});
