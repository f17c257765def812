import { holdsSecrets } from '../core/secrets.ts';
import { yamlOf } from '../io/thread/off-thread.ts';

/** Whether only its owner may read a config: its `env` has secrets, or might, in a file that cannot be parsed. */
export async function isPrivate(bytes: Uint8Array, file: string): Promise<boolean> {
  const yaml = await yamlOf(bytes, file);
  if (!yaml.ok) return /\benv\b/.test(Buffer.from(bytes).toString('latin1'));
  return holdsSecrets(yaml.source.value.env);
}
