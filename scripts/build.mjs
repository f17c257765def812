// Makes dist/: phasebox.js, the command, and the parts that it loads when it needs them.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { licencesOf } from './lib/licences.mjs';
import { sourcesHash, stampName } from './lib/sources.mjs';

const repository = join(import.meta.dirname, '..');

const shebang = '#!/usr/bin/env node';

/**
 * CommonJS packages inside an ES module need `require`. The import's name does not clash with imports of the source.
 */
const requires = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  'const require = requireOfBundle(import.meta.url);',
].join('\n');

/** The command as the entry loads it: a file next to it, and not a part of it. */
const builtCli = { path: './cli.js', external: true };

/** esbuild's name of a part: `render-plot-R6ZTXZBB.js`. */
const part = /-[A-Z0-9]{8}\.js$/;

const dist = join(repository, 'dist');
// From before the build: a file that changes meanwhile makes dist/ stale, not current.
const hash = sourcesHash(repository);
rmSync(join(dist, stampName), { force: true });
try {
  await bundle(join(repository, 'src'), dist);
  writeFileSync(join(dist, stampName), hash);
} catch (error) {
  // esbuild and the command have already printed what and where. A stack of this script adds nothing.
  process.stderr.write(`build: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * `entry.ts` as `<dist>/phasebox.js`, which loads `cli.ts` as `cli.js` if Node is new enough, and next to it the parts that are
 * imported later: one for each command (`status` starts in half the time that all of them take), the dashboard, the plots.
 * It appears completely or not at all, since the command may be started meanwhile. Bundled, it starts in half the time
 * (230 ms against 450 ms). Minified it would not start sooner, and stack traces would be useless. Files next to code in
 * node_modules that are read at run time (bull-board's pages, pino-pretty) are found there: npm installs our dependencies.
 */
async function bundle(source, dist) {
  const unfinished = join(dist, `.unfinished.${process.pid}`);
  mkdirSync(unfinished, { recursive: true });
  try {
    const { metafile } = await build({
      // The pages are written by a process of their own, and long tasks run in a thread (io/thread/run-task.ts).
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
      // Other datastores of bullmq, which it only loads on request.
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
      // What an old Node can read, so that it can report how old it is.
      target: 'node12.20',
      banner: { js: shebang },
      legalComments: 'none',
      logLevel: 'warning',
    });
    writeFileSync(join(unfinished, 'LICENSES.txt'), licencesOf(repository, Object.keys(metafile.inputs)));
    chmodSync(join(unfinished, 'phasebox.js'), 0o755);
    // The command last, so that it exists when its parts do.
    const names = readdirSync(unfinished).sort((a, b) => Number(a === 'phasebox.js') - Number(b === 'phasebox.js'));
    for (const name of names) renameSync(join(unfinished, name), join(dist, name));
    for (const name of readdirSync(dist)) if (part.test(name) && !names.includes(name)) rmSync(join(dist, name));
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  copyFileSync(join(repository, 'src/io/tool/wrap.sh'), join(dist, 'wrap.sh'));
}
