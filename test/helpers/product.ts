import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { readText, writeWhole } from '../../src/io/disk/files.ts';

export const repository = resolve(import.meta.dirname, '../..');

/** One text of the sources replaced by another; `find` must be there exactly once. */
export interface Edit {
  /** Path below the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The file's text with the edit done; throws when the text to replace is not there exactly once. */
export function edited(text: string, { file, find, replace }: Edit): string {
  const found = text.split(find).length - 1;
  if (found !== 1)
    throw new Error(`${file} has ${found} places like ${JSON.stringify(find)}; an edit needs exactly one`);
  return text.replace(find, () => replace);
}

const banner = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  'const require = requireOfBundle(import.meta.url);',
].join('\n');

const cache = join(repository, 'node_modules/.cache/phasebox-crash');
const preload = 'test/fixtures/crash/preload.mjs';
const made = new Map<string, Promise<string>>();

/**
 * The command, made of the sources as they are now (or after `edits`), and beside it `preload.js`, made of
 * test/fixtures/crash/preload.mjs, which meets the same bullmq and ioredis.
 */
export function productCommand(edits: readonly Edit[] = []): Promise<string> {
  const key = JSON.stringify(edits);
  const known = made.get(key) ?? productOnce(edits);
  made.set(key, known);
  return known;
}

/** Bundling takes longer than a run with the stand-in: one process of many that test the same sources does it. */
async function productOnce(edits: readonly Edit[]): Promise<string> {
  const { sourcesHash } = await import('../../scripts/lib/sources.mjs' as string);
  const hash = createHash('sha256').update(sourcesHash(repository)).update(JSON.stringify(edits));
  for (const path of ['test/helpers/product.ts', 'test/helpers/fill-disk.ts', preload])
    hash.update(await readFile(join(repository, path)));
  const stamp = join(cache, `${hash.digest('hex').slice(0, 16)}.program`);
  const known = await readText(stamp);
  if (known !== null && (await readText(known)) !== null) return known;
  const program = await bundle(join(repository, 'src/cli.ts'), edits);
  await writeWhole(stamp, program);
  return program;
}

/** Any program of ours, bundled: starts in a third of the time that its sources take. Lies inside the repository, where it finds its package. */
export async function bundle(entry: string, edits: readonly Edit[] = []): Promise<string> {
  const pending = new Map(edits.map((edit) => [join(repository, edit.file), edit]));
  const changed = async (path: string): Promise<string> => {
    const text = await readFile(path, 'utf8');
    const edit = pending.get(path);
    pending.delete(path);
    return edit === undefined ? text : edited(text, edit);
  };
  const wrapper = await changed(join(repository, 'src/io/tool/wrap.sh'));
  const { outputFiles } = await build({
    entryPoints: {
      program: entry,
      // Beside the program, as scripts/build.mjs puts it.
      'pages-child': join(repository, 'src/io/page/pages-child.ts'),
      preload: join(repository, preload),
    },
    outdir: 'unwritten',
    write: false,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    banner: { js: banner },
    external: ['pg', 'redis', '@electric-sql/pglite'],
    logLevel: 'error',
    plugins: [
      {
        name: 'edits',
        setup({ onLoad }) {
          onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) =>
            pending.has(path) ? { contents: await changed(path), loader: 'ts' } : null,
          );
        },
      },
    ],
  });
  if (pending.size > 0) throw new Error(`not part of ${entry}: ${[...pending.keys()].join(', ')}`);
  const files = [
    ...outputFiles.map(({ path, text }) => ({ name: basename(path), text })),
    { name: 'wrap.sh', text: wrapper },
    // Otherwise Node looks into each file for what it is, which takes a tenth of a start.
    { name: 'package.json', text: '{"type":"module"}' },
  ];
  // Named by its content: programs that run from it are never bitten by a later build.
  const hash = createHash('sha256');
  for (const { name, text } of files) hash.update(`${name}\0${text}\0`);
  const folder = join(cache, hash.digest('hex').slice(0, 16));
  await mkdir(folder, { recursive: true });
  for (const { name, text } of files) {
    await writeFile(join(folder, `${name}.${process.pid}`), text);
    await rename(join(folder, `${name}.${process.pid}`), join(folder, name));
  }
  return join(folder, 'program.js');
}
