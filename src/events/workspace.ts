import * as z from 'zod';
import { checkWords, path } from './paths.ts';

const text = z.string().min(1);
const dashboard = z.strictObject({
  host: text.default('127.0.0.1').describe('Address to listen on.'),
  port: z.int().min(0).max(65535).default(3100).describe('Taken: the next free one, printed.'),
});

/** phasebox.yaml, all optional: how this workspace runs. */
export const workspaceConfig = z.strictObject({
  python: path.optional().describe('A Python with mlx_lm; absent: .venv, VIRTUAL_ENV, PATH.'),
  inbox: path.default('inbox').describe('Folder that configs are dropped into.'),
  artifacts: path.default('artifacts').describe('Folder of runs, results and comparison.'),
  redis_url: text.optional().describe('Redis or Valkey to use; absent: a server of its own.'),
  in_flight: z.int().min(1).default(1).describe('Runs that may be started and not over.'),
  dashboard: dashboard.prefault({}).describe('Where the queues can be looked at.'),
  /** GB = 2^30 bytes, as `du -h` prints. */
  disk_reserve_gb: z.number().min(0).default(10).describe('GB of the disk that stay free.'),
  stage_retries: z.int().min(0).default(3).describe('Further attempts of a stage that failed by chance.'),
  retry_pause_s: z
    .array(z.number().min(0))
    .min(1)
    .default([30, 60, 120])
    .describe('Seconds before the second attempt, the third, ...; the last one counts for all further.'),
  notify: z
    .array(z.string())
    .min(1)
    .refine(([command]) => command !== '', { path: [0], error: 'the command has no name: its first word is empty' })
    .check(checkWords)
    .optional()
    .describe('Command (a list of words) run after each row, the row as JSON in PHASEBOX_ROW.'),
});
export type WorkspaceConfig = z.infer<typeof workspaceConfig>;
