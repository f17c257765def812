import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { type Edit, edited, repository } from '../helpers/product.ts';
import { tempDir } from '../helpers/temp.ts';

/* Every guard is needed: a copy of phasebox without it fails the one test that covers it. */

interface Guard extends Edit {
  readonly guard: string;
  /** The file and the test's name. */
  readonly test: readonly [file: string, name: string];
  /** CRASH_CELL: the one cell of the matrix that is played. */
  readonly cell?: string;
}

const guards: readonly Guard[] = [
  {
    guard: 'rename fence',
    file: 'src/io/artifacts/commit.ts',
    find: '  await fs.rename(dir, target);',
    replace:
      "  await (await import('node:fs/promises')).rm(target, { recursive: true, force: true });\n  await fs.rename(dir, target);",
    test: ['test/io/artifacts/commit.test.ts', 'refuses to take the place of a stage that is committed already'],
  },
  {
    guard: '`started`',
    file: 'src/io/tool/wrap.sh',
    find: '{ echo $$ >"$dir/started"; } 2>/dev/null || exit 125',
    replace: 'echo $$ >|"$dir/started"',
    test: ['test/io/tool/tool-process.test.ts', 'can never start once its start was revoked'],
  },
  {
    guard: 'identity check',
    file: 'src/io/tool/tool-process.ts',
    find: '  if (!(await isOurs(dir, leader, command.nonce))) return;\n  const end',
    replace: '  const end',
    test: ['test/crash/tool-cases.test.ts', '50 of 50 send no signal'],
  },
  {
    guard: 'integrity check',
    file: 'src/workers/attempt/inputs.ts',
    find: "if (changed !== null) throw new StageError('INPUT_CHANGED', changed);",
    replace: '',
    test: ['test/crash/changed-input.test.ts', 'is refused before the next stage reads it'],
  },
  {
    guard: 'admission gate',
    file: 'src/workers/queue/line.ts',
    find: 'control.now().paused === null && !busy;',
    replace: 'control.now().paused === null;',
    test: ['test/crash/matrix.test.ts', 'up killed after tool started'],
    cell: 'up killed after tool started',
  },
  {
    guard: 'entry check',
    file: 'src/workers/attempt/run-stage.ts',
    find: 'if (instead !== null) return instead;',
    replace: '',
    test: ['test/crash/stale-events.test.ts', 'do nothing, whatever they say'],
  },
];

/** The sources as they are, beside the same node_modules. */
async function copyOfRepository(): Promise<string> {
  const folder = await tempDir('guards');
  const folders = ['src', 'test', 'scripts', 'python', 'demo', 'templates', 'schemas'];
  for (const name of [...folders, 'package.json', 'package-lock.json', 'tsconfig.json'])
    await cp(join(repository, name), join(folder, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Result {
  readonly stats: { readonly tests: number; readonly failures: number };
  readonly failures: readonly { readonly title: string; readonly err: { readonly message: string } }[];
}

/** Runs one test in the copy. */
async function runTest(folder: string, { test: [file, name], cell }: Guard): Promise<Result> {
  const mocha = join(repository, 'node_modules/mocha/bin/mocha.js');
  const loader = join(repository, 'node_modules/tsx/dist/loader.mjs');
  const args = ['--no-config', '--reporter', 'json', '--timeout', '60000', '--exit', '--fgrep', name, file];
  const env = cell === undefined ? {} : { CRASH_CELL: cell };
  const { stdout, stderr } = await execa('node', ['--import', loader, mocha, ...args], {
    cwd: folder,
    env,
    reject: false,
  });
  const json = stdout.slice(stdout.indexOf('{\n  "stats"'));
  if (json === '') throw new Error(`no result of ${file}:\n${stdout}\n${stderr}`);
  return JSON.parse(json) as Result;
}

describe('the guards are needed', () => {
  let folder = '';
  before(async () => {
    folder = await copyOfRepository();
  });

  for (const guard of guards)
    it(`${guard.guard}: without it "${guard.test[1]}" is red`, async () => {
      const path = join(folder, guard.file);
      const text = await readFile(path, 'utf8');
      await writeFile(path, edited(text, guard));
      try {
        const { stats, failures } = await runTest(folder, guard);
        expect([stats.tests, stats.failures]).to.eql([1, 1]);
        // A copy that lacks a file is red whatever guard is taken out.
        expect(failures[0]?.err.message).not.to.match(
          /ENOENT.*phasebox-guards|Cannot find module|ERR_MODULE_NOT_FOUND/,
        );
        console.log(`      red: ${failures[0]?.err.message.split('\n')[0]?.slice(0, 140)}`);
      } finally {
        await writeFile(path, text);
      }
    });
});
