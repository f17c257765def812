import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CommandError } from '../../../src/core/errors.ts';
import { secretValues, withoutSecrets } from '../../../src/core/secrets.ts';
import { openLogger } from '../../../src/io/workspace/logger.ts';
import { tempDir } from '../../helpers/temp.ts';

const quiet = { level: 'info', pretty: false };

async function lines(folder: string, file = 'phasebox.log'): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(folder, file), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('logger', () => {
  it('writes JSON lines into a folder that it makes, at once', async () => {
    const folder = join(await tempDir('log'), 'a', 'log');
    const logger = openLogger({ folder, ...quiet });
    logger.debug('not at this level');
    logger.info({ run: '43a-s0', stage: 'train' }, 'started');
    const [line, ...more] = await lines(folder);
    expect(more).to.deep.equal([]);
    expect(line).to.include({ level: 30, run: '43a-s0', stage: 'train', msg: 'started', pid: process.pid });
    expect(line?.time).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(line).not.to.have.property('hostname');
  });

  it('keeps an error with its code and its stack', async () => {
    const folder = await tempDir('log');
    openLogger({ folder, ...quiet }).error(new Error('broken', { cause: new Error('the disk') }));
    const [line] = await lines(folder);
    expect(line?.err).to.have.property('stack').that.contains('the disk');
  });

  it('refuses an unknown level and says which there are', () => {
    expect(() => openLogger({ folder: '/nowhere', level: 'loud', pretty: false })).to.throw(
      CommandError,
      /"loud" is unknown. Allowed: trace, debug, info, warn, error, fatal, silent/,
    );
  });

  it('never writes a secret: names, URLs, child loggers, errors, texts', async () => {
    const folder = await tempDir('log');
    const logger = openLogger({ folder, ...quiet }).child({ redis_password: 'hunter2-child' });
    logger.info({ broker: { url: 'redis://me:hunter2-url@localhost:6379/1' }, env: { HF_TOKEN: 'hunter2-env' } });
    logger.info(
      { api_keys: ['hunter2-list', { a: 'hunter2-deep' }], Secret: 'hunter2-name' },
      'rediss://:hunter2-msg@h:1',
    );
    logger.info('HF_TOKEN=hunter2-text OPENAI_API_KEY="hunter2 quoted" https://h/x?a=1&access_token=hunter2-query');
    logger.error(new Error('cannot reach redis://:hunter2/er@r@localhost:6379'));
    const text = await readFile(join(folder, 'phasebox.log'), 'utf8');
    expect(text).not.to.contain('hunter2');
    expect(text).to.contain('redis://[redacted]@localhost:6379/1');
    expect(text).to.contain('@localhost:6379');
  });

  it('does not change what is not a secret', () => {
    const plain = {
      max_tokens: 512,
      trained_tokens: 1460,
      msg: 'unknown key "learning_rat" in train: did you mean "learning_rate"? max_tokens=512',
      url: 'http://127.0.0.1:3100/queue/train',
      at: 'file:///opt/node_modules/@bull-board/api/dist/index.js:12:3',
      nothing: null,
      ok: true,
    };
    expect(withoutSecrets(plain)).to.deep.equal(plain);
  });

  it('finds the value of a secret of the environment in any text', () => {
    const known = secretValues({
      HF_TOKEN: 'hf_abcdefghijkl',
      SSH_KEY_FILE: '/home/me/.ssh/id',
      API_KEY: 'short',
      HOME: '/root-of-me',
    });
    expect(known).to.deep.equal(['hf_abcdefghijkl']);
    expect(withoutSecrets({ argv: ['--auth', 'hf_abcdefghijkl'] }, known)).to.deep.equal({
      argv: ['--auth', '[redacted]'],
    });
  });

  it('stays within its bytes and keeps the newest lines, also with two writers', async () => {
    const folder = await tempDir('log');
    const limits = { fileBytes: 20_000, files: 3 };
    const writers = [openLogger({ folder, ...quiet, ...limits }), openLogger({ folder, ...quiet, ...limits })];
    for (let n = 0; n < 2000; n += 1) writers[n % 2]?.info({ n }, 'x'.repeat(50));
    const names = (await readdir(folder)).sort();
    expect(names).to.deep.equal(['phasebox.1.log', 'phasebox.2.log', 'phasebox.log']);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
    expect(sizes.reduce((sum, size) => sum + size)).to.be.within(30_000, 3 * 20_000 + 2_000);
    const kept = (
      await Promise.all(['phasebox.2.log', 'phasebox.1.log', 'phasebox.log'].map((f) => lines(folder, f)))
    ).flat();
    expect(kept.at(-1)).to.include({ n: 1999 });
    expect(kept.map((line) => line.n)).to.deep.equal(kept.map((_, at) => 2000 - kept.length + at));
  });

  it('continues when the log cannot be written, and says what was lost once it can', async () => {
    const folder = join(await tempDir('log'), 'log');
    await writeFile(folder, 'a file where the folder should be');
    const logger = openLogger({ folder, ...quiet });
    logger.info('lost 1');
    logger.info('lost 2');
    await rm(folder);
    logger.info('written');
    expect((await lines(folder)).map((line) => line.msg)).to.deep.equal([
      '2 log lines could not be written',
      'written',
    ]);
  });

  it('has every line on disk when the process exits at once, and readable ones on stderr, without secrets', async () => {
    const folder = await tempDir('log');
    const script = join(folder, 'once.ts');
    const source = new URL('../../../src/io/workspace/logger.ts', import.meta.url).href;
    await writeFile(
      script,
      `import { openLogger } from '${source}';
      const log = openLogger({ folder: '${folder}', level: 'info', pretty: true });
      for (let n = 0; n < 100; n += 1) log.info({ n, token: 'hunter2' }, 'line');
      process.exit(0);`,
    );
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
    expect((await lines(folder)).map((line) => line.n)).to.deep.equal(Array.from({ length: 100 }, (_, n) => n));
    expect(stdout).to.equal('');
    expect(stderr).to.match(/^\[\d\d:\d\d:\d\d\] INFO: line\n {4}n: 0\n {4}token: "\[redacted\]"/);
  });
});
