// Makes dist/: phasebox.js, the command, and the parts it loads when it needs them.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { licencesOf } from './lib/licences.mjs';
import { sourcesHash, stampName } from './lib/sources.mjs';

const repository = join(import.meta.dirname, '..');

const shebang = '#!/usr/bin/env node';

/** CommonJS packages inside an ES module look for `require`. The import's name keeps clear of what the source imports. */
const requires = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  'const require = requireOfBundle(import.meta.url);',
].join('\n');

/** The command as the entry loads it: a file beside it, not a part of it. */
const builtCli = { path: './cli.js', external: true };

/** esbuild's name of a part: `render-plot-R6ZTXZBB.js`. */
const part = /-[A-Z0-9]{8}\.js$/;

const dist = join(repository, 'dist');
// Of before the build: a file that changes meanwhile makes dist/ stale, not current.
const hash = sourcesHash(repository);
rmSync(join(dist, stampName), { force: true });
try {
  await bundle(join(repository, 'src'), dist);
  writeFileSync(join(dist, stampName), hash);
} catch (error) {
  // esbuild and the command have said what and where; a stack of this script adds nothing.
  process.stderr.write(`build: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * `entry.ts` as `<dist>/phasebox.js`, which loads `cli.ts` as `cli.js` when Node is new enough, and beside it what that imports
 * later: a part for each command (`status` starts in half the time that all of them take), the dashboard, the plots. Whole
 * or not at all: the command may be started meanwhile.
 * Bundled, it starts in half the time (230 ms against 450 ms); minified it would not start sooner, and stack traces
 * would say nothing. What lies beside code in node_modules and is read at run time (bull-board's pages, pino-pretty)
 * is found there: npm installs our dependencies with us.
 */
async function bundle(source, dist) {
  const unfinished = join(dist, `.unfinished.${process.pid}`);
  mkdirSync(unfinished, { recursive: true });
  try {
    const { metafile } = await build({
      // The pages are written by a process of their own; what may take long begins in a thread (io/thread/run-task.ts).
      entryPoints: {
        cli: join(source, 'cli.ts'),
        'pages-child': join(source, 'io/page/pages-child.ts'),
        thread: join(source, 'io/thread/worker.ts'),
      },
      outdir: unfinished,
      bundle: true,
      splitting: true,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      banner: { js: requires },
      // Other datastores of bullmq: it loads them only when it is asked to use one.
      external: ['pg', 'redis', '@electric-sql/pglite'],
      legalComments: 'none',
      logLevel: 'warning',
    });
    await build({
      entryPoints: { phasebox: join(source, 'entry.ts') },
      outdir: unfinished,
      bundle: true,
      plugins: [{ name: 'cli', setup: (own) => own.onResolve({ filter: /^\.\/cli\.ts$/ }, () => builtCli) }],
      platform: 'node',
      format: 'esm',
      // Not ours: what an old Node can still read, so that it says how old it is.
      target: 'node12.20',
      banner: { js: shebang },
      legalComments: 'none',
      logLevel: 'warning',
    });
    writeFileSync(join(unfinished, 'LICENSES.txt'), licencesOf(repository, Object.keys(metafile.inputs)));
    chmodSync(join(unfinished, 'phasebox.js'), 0o755);
    // The command last: it is there when its parts are.
    const names = readdirSync(unfinished).sort((a, b) => Number(a === 'phasebox.js') - Number(b === 'phasebox.js'));
    for (const name of names) renameSync(join(unfinished, name), join(dist, name));
    for (const name of readdirSync(dist)) if (part.test(name) && !names.includes(name)) rmSync(join(dist, name));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  copyFileSync(join(repository, 'src/io/tool/wrap.sh'), join(dist, 'wrap.sh'));
}
