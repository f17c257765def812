import { registerCancel } from './cancel.ts';
import { registerCompare } from './compare.ts';
import { registerDiff } from './diff.ts';
import { registerDoctor } from './doctor.ts';
import { registerExport } from './export.ts';
import { registerGc } from './gc.ts';
import { registerInit } from './init.ts';
import { registerLogs } from './logs.ts';
import { registerPause, registerResume } from './pause.ts';
import { registerPlan } from './plan.ts';
import { registerPrioritize } from './prioritize.ts';
import type { Register } from './register.ts';
import { registerReport } from './report.ts';
import { registerRetry } from './retry.ts';
import { registerSchema } from './schema.ts';
import { registerScore } from './score.ts';
import { registerServe } from './serve.ts';
import { registerStatus } from './status.ts';
import { registerStop } from './stop.ts';
import { registerSubmit } from './submit.ts';
import { registerSuite } from './suite.ts';
import { registerUp } from './up.ts';
import { registerVerify } from './verify.ts';

/** Every command, in the order of the help. */
export const commands: readonly Register[] = [
  registerInit,
  registerDoctor,
  registerPlan,
  registerSubmit,
  registerUp,
  registerStatus,
  registerLogs,
  registerCancel,
  registerRetry,
  registerPause,
  registerResume,
  registerPrioritize,
  registerStop,
  registerReport,
  registerCompare,
  registerDiff,
  registerScore,
  registerSuite,
  registerExport,
  registerServe,
  registerVerify,
  registerGc,
  registerSchema,
];
