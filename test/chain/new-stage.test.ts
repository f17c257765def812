import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';
import { repository } from '../helpers/product.ts';
import { tempDir } from '../helpers/temp.ts';

const run = promisify(execFile);

/** A copy of the product with one stage more: two files and a line. Returns its folder. */
async function withStage(): Promise<string> {
  const copy = await tempDir('product');
  for (const name of ['src', 'scripts', 'package.json', 'package-lock.json'])
    await cp(join(repository, name), join(copy, name), { recursive: true });
  for (const name of ['node_modules', 'python', 'schemas', 'suites', 'templates'])
    await symlink(join(repository, name), join(copy, name));
  await cp(join(repository, 'test/fixtures/new-stage'), join(copy, 'src'), { recursive: true });
  await appendFile(join(copy, 'src/events/stages/list.ts'), "export { echo } from './echo.ts';\n");
  return copy;
}

describe('a stage is 2 files and 1 line', () => {
  let copy = '';
  let chain: Chain;
  before(async () => {
    copy = await withStage();
    await run(process.execPath, [join(copy, 'scripts/build.mjs')]);
    chain = await makeChain({}, {}, join(copy, 'dist/phasebox.js'));
  });
  after(() => chain.remove());

  it('the compiler knows it', async () => {
    const tsconfig = { extends: join(repository, 'tsconfig.json'), include: ['src'] };
    await writeFile(join(copy, 'tsconfig.json'), JSON.stringify(tsconfig));
    await run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', copy]);
  });

  it('config and plan know its section, its commands and its bytes', async () => {
    const wrong = await chain.write('wrong.yaml', config('wrong', { echo: { words: 'x' } }));
    expect((await chain.phasebox('plan', wrong)).err).to.match(/echo\.words/);
    const file = await chain.write(
      'p.yaml',
      config('p', { echo: { word: 'hi' }, variants: { b: { echo: { word: 'ho' } } } }),
    );
    const { out, err } = await chain.phasebox('plan', file, '--json');
    expect(err).to.equal('');
    const [plain, variant] = JSON.parse(out).phases[0].runs;
    expect(plain.chain).to.eql(['train', 'fuse', 'cleanup', 'eval', 'echo']);
    expect(plain.stages.at(-1).commands).to.eql([['sh', '-c', 'echo "$1" | tee word.txt', 'sh', 'hi']]);
    expect(plain.disk.stages.at(-1)).to.eql({ stage: 'echo', writes: 2 ** 20, frees: 0 });
    expect([variant.from, variant.chain], 'it differs after the model').to.eql([
      { run: 'p-s0', after: 'fuse' },
      ['eval', 'echo'],
    ]);
    const text = (await chain.phasebox('plan', file)).out;
    expect(text)
      .to.match(/echo +word hi/)
      .and.to.match(/7-echo +writes 1/);
    expect((await chain.phasebox('submit', file)).code).to.equal(0);
  });

  it('it runs, and row, page and gc know it', async () => {
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up, up.err + up.out).to.include({ code: 0 });
    const [row] = await chain.rows();
    expect(row).to.include({ run: 'p-s0', status: 'done' });
    expect(Object.keys(row?.seconds ?? {})).to.eql(['train', 'fuse', 'cleanup', 'eval', 'echo']);
    expect(await chain.read('artifacts/p/p-s0/7-echo/word.txt')).to.equal('hi\n');
    expect(await chain.read('artifacts/p/p-s0-b/7-echo/word.txt')).to.equal('ho\n');
    expect(JSON.parse(await chain.read('artifacts/p/p-s0/7-echo/manifest.json')).made).to.eql({ file: 'word.txt' });
    expect((await chain.phasebox('verify', 'p-s0')).code).to.equal(0);
    await chain.phasebox('report');
    expect(await chain.read('artifacts/COMPARISON.md')).to.match(/ eval *\| echo *\| total/);
    // What a crash left of an attempt.
    await mkdir(join(chain.root, 'artifacts/p/p-s0/.7-echo.a9'));
    await chain.write('artifacts/p/p-s0/.7-echo.a9/word.txt', 'hi\n');
    expect((await chain.phasebox('gc')).out).to.contain('p-s0: failed attempt of echo');
    expect((await chain.phasebox('gc', '--yes')).code).to.equal(0);
    expect(await readdir(join(chain.root, 'artifacts/p/p-s0'))).to.not.include('.7-echo.a9');
  });
});
