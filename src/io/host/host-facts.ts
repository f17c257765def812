import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import type { Host } from '../../events/run.ts';

/** The machine that this process runs on. */
export const hostFacts = (): Host => ({
  name: hostname(),
  system: `${platform()} ${release()} ${arch()}`,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memory_bytes: totalmem(),
});
