import type { Command } from 'commander';
import { emptyProgram, type Register } from './parts/command.ts';

/** Every command, in the order of the help. Each is loaded only if it may be the one that was called. */
export const commands: Readonly<Record<string, () => Promise<Register>>> = {
  init: async () => (await import('./init.ts')).registerInit,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  import: async () => (await import('./import.ts')).registerImport,
  plan: async () => (await import('./plan.ts')).registerPlan,
  rehearse: async () => (await import('./rehearse.ts')).registerRehearse,
  submit: async () => (await import('./submit.ts')).registerSubmit,
  up: async () => (await import('./up.ts')).registerUp,
  status: async () => (await import('./status.ts')).registerStatus,
  logs: async () => (await import('./logs.ts')).registerLogs,
  cancel: async () => (await import('./control.ts')).registerCancel,
  retry: async () => (await import('./control.ts')).registerRetry,
  pause: async () => (await import('./control.ts')).registerPause,
  resume: async () => (await import('./control.ts')).registerResume,
  prioritize: async () => (await import('./control.ts')).registerPrioritize,
  forget: async () => (await import('./control.ts')).registerForget,
  stop: async () => (await import('./stop.ts')).registerStop,
  report: async () => (await import('./report.ts')).registerReport,
  compare: async () => (await import('./compare.ts')).registerCompare,
  diff: async () => (await import('./diff.ts')).registerDiff,
  score: async () => (await import('./score.ts')).registerScore,
  suite: async () => (await import('./suite.ts')).registerSuite,
  data: async () => (await import('./data.ts')).registerData,
  export: async () => (await import('./export.ts')).registerExport,
  serve: async () => (await import('./serve.ts')).registerServe,
  verify: async () => (await import('./verify.ts')).registerVerify,
  gc: async () => (await import('./gc.ts')).registerGc,
  schema: async () => (await import('./schema.ts')).registerSchema,
  completion: async () => (await import('./completion.ts')).registerCompletion(fullProgram),
};

/** The program with every command. */
export async function fullProgram(): Promise<Command> {
  const program = emptyProgram();
  for (const load of Object.values(commands)) (await load())(program, () => undefined);
  return program;
}
