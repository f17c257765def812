import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testPython } from './real-stage.ts';

const run = promisify(execFile);

/** Versions of mlx_lm with an mlx and a transformers that they work with: mlx-lm 0.31.3 trains no MoE with mlx 0.32. */
const older = {
  '0.30.7': { mlx: '0.30.6', transformers: '5.1.0' },
  '0.31.3': { mlx: '0.31.2', transformers: '5.12.1' },
} as const;

export interface MlxPython {
  readonly version: string;
  readonly python: string;
}

/**
 * The repository's own Python, and one for each older version in `cache`, where it is installed if it is missing.
 * `skipped` says what could not be installed.
 */
export async function mlxPythons(cache: string): Promise<{ pythons: MlxPython[]; skipped: string[] }> {
  const pythons: MlxPython[] = [{ version: (await installed(testPython)) ?? 'unknown', python: testPython }];
  const skipped: string[] = [];
  for (const [version, { mlx, transformers }] of Object.entries(older)) {
    const python = join(cache, version, 'bin/python');
    const wanted = [`mlx-lm==${version}`, `mlx${process.platform === 'linux' ? '[cpu]' : ''}==${mlx}`];
    try {
      if ((await installed(python)) !== version) {
        await mkdir(cache, { recursive: true });
        await run(testPython, ['-m', 'venv', join(cache, version)]);
        await run(python, ['-m', 'pip', 'install', '-q', ...wanted, `transformers==${transformers}`]);
      }
      pythons.push({ version, python });
    } catch (error) {
      skipped.push(`mlx-lm ${version}: ${String(error).trim().split('\n').at(-1)}`);
    }
  }
  return { pythons, skipped };
}

/** The version of mlx_lm in a Python that can import it; null if there is none. */
async function installed(python: string): Promise<string | null> {
  const script = 'import importlib.metadata as m, mlx_lm.lora; print(m.version("mlx-lm"))';
  return run(python, ['-c', script]).then(
    ({ stdout }) => stdout.trim().split('\n').at(-1) ?? null,
    () => null,
  );
}
