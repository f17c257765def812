import * as z from 'zod';
import { notify } from './notification.ts';
import { path } from './paths.ts';

const text = z.string().min(1);
/** `07:00`, hours and minutes of a day. */
export const timeOfDay = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const dashboard = z.strictObject({
  host: text.default('127.0.0.1').describe('Address to listen on.'),
  port: z
    .int()
    .min(0)
    .max(65535)
    .default(3100)
    .describe('Port to listen on. If it is taken, the next free one is used.'),
});

/** phasebox.yaml, all optional: how this workspace runs. */
export const workspaceConfig = z.strictObject({
  python: path
    .optional()
    .describe(
      "A Python with mlx_lm. If omitted, phasebox looks in the workspace's `.venv`, then `VIRTUAL_ENV`, then PATH.",
    ),
  inbox: path.default('inbox').describe('Folder that phasebox watches for configs.'),
  artifacts: path.default('artifacts').describe('Folder for runs, results and the report.'),
  redis_url: text.optional().describe('URL of a Redis or Valkey server. If omitted, phasebox starts its own server.'),
  dashboard: dashboard.prefault({}).describe('Where the dashboard is served.'),
  /** GB = 2^30 bytes, as in `du -h`. */
  disk_reserve_gb: z
    .number()
    .min(0)
    .default(10)
    .describe('Disk space that always stays free, in GB. 1 GB is 2^30 bytes, as in `du -h`.'),
  memory_gb: z
    .number()
    .positive()
    .optional()
    .describe(
      'Memory that a training may use, in GB. A training that uses more ends with OUT_OF_MEMORY, before the machine swaps. If omitted, the limit is the memory of the machine minus a reserve, or on a Mac the part of it that the GPU may use, minus a reserve.',
    ),
  until: z
    .string()
    .regex(timeOfDay, 'not a time of day such as 07:00')
    .optional()
    .describe(
      'The default of `phasebox up --until`: a local time such as `07:00`. A run is started only if it will be finished by this time.',
    ),
  rehearsal: z
    .enum(['auto', 'always', 'off'])
    .default('auto')
    .describe(
      'Which trainings are rehearsed for a minute or two before the first one starts: `auto` means those that are estimated at 10 minutes or more.',
    ),
  stage_retries: z.int().min(0).default(3).describe('How many times a stage is retried after transient errors.'),
  retry_pause_s: z
    .array(z.number().min(0))
    .min(1)
    .default([30, 60, 120])
    .describe('Seconds before each further attempt. The last value repeats.'),
  stall_minutes: z
    .number()
    .min(0)
    .default(10)
    .describe(
      'Minutes without progress after which a tool process is stopped and its stage is retried. A slow tool gets more time: 20 times as long as one of its steps usually takes. 0 means never. Your own commands are not watched.',
    ),
  notify: notify
    .optional()
    .describe(
      'Command to run after each result, as a list of arguments. The result is passed as JSON in `PHASEBOX_ROW`. A mapping sends notifications of chosen events to a command, the desktop, ntfy or a webhook.',
    ),
});
export type WorkspaceConfig = z.infer<typeof workspaceConfig>;
