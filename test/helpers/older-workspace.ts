import { cp, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const fixture = resolve(import.meta.dirname, '../fixtures/workspace-0.1.0');

/**
 * Puts what 0.1.0 wrote in a night (real mlx-lm 0.32.2; weights and logs left out) into a workspace, in place of its own
 * artifacts and inbox. Its models, data and suite are the demo's.
 */
export async function copyOlderWorkspace(root: string): Promise<void> {
  for (const name of ['artifacts', 'inbox', 'dot-phasebox'])
    await cp(join(fixture, name), join(root, name), { recursive: true });
  // git ignores `.phasebox/`.
  await rename(join(root, 'dot-phasebox'), join(root, '.phasebox'));
}
