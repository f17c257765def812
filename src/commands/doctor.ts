import { resolve } from 'node:path';
import { plural } from '../core/format.ts';
import { printableJson } from '../core/printable.ts';
import { shellLine } from '../core/shell.ts';
import { openFolder } from '../io/workspace/workspace.ts';
import { checkBroker } from './parts/check-broker.ts';
import { checkMachine, type Machine } from './parts/check-machine.ts';
import { checkPlaces } from './parts/check-places.ts';
import { checkPython } from './parts/check-tools.ts';
import { type Check, checked, missing } from './parts/checks.ts';
import { documented, globals, type Register } from './parts/command.ts';
import { print, warnOfWorkspace } from './parts/output.ts';

/** The output of `doctor --json`. */
export interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Doubtful settings in phasebox.yaml. */
  readonly warnings: readonly string[];
}

/** Leaves nothing behind and fetches nothing. Throws CommandError 2 if phasebox.yaml is not valid. */
export async function doctor(folder: string, machine: Machine = process): Promise<Diagnosis> {
  const opened = await openFolder(folder);
  const { workspace, config } = opened;
  const root = resolve(folder);
  const checks = await Promise.all([
    checkMachine(machine),
    checked('python', root, () => checkPython({ root, config })),
    checked('broker', root, () => checkBroker(workspace, config.redis_url)),
    workspace === null
      ? [missing('workspace', opened.problem, shellLine(['phasebox', 'init', folder]))]
      : checked('workspace', root, () => checkPlaces(workspace)),
  ]);
  const all = checks.flat();
  const warnings = workspace?.warnings ?? [];
  return { ok: all.every(({ status }) => status !== 'missing'), checks: all, warnings };
}

/** One line per check, with what to do below it, and a sentence at the end. */
export function doctorText({ checks }: Diagnosis): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat('missing'.length + width + 4);
  const lines = checks.flatMap(({ name, status, detail, todo }) => [
    `${status.padEnd('missing'.length)}  ${name.padEnd(width)}  ${detail}`,
    ...(todo === null ? [] : [`${indent}-> ${todo}`]),
  ]);
  const count = checks.filter(({ status }) => status === 'missing').length;
  lines.push(count === 0 ? 'everything that is needed is there' : `${plural(count, 'thing')} missing`);
  return `${lines.join('\n')}\n`;
}

export const registerDoctor: Register = (program, exit) => {
  documented(program.command('doctor'), {
    does: 'Check what phasebox needs on this machine',
    notes: ['It tells you how to fix each problem.'],
    examples: ['phasebox doctor', 'phasebox doctor --json'],
    exits: { 0: 'nothing is missing', 3: 'something is missing' },
  })
    .option('--json', 'print one JSON document')
    .action(async (options: { json?: boolean }, command) => {
      const diagnosis = await doctor(globals(command).workspace);
      warnOfWorkspace(diagnosis);
      print(options.json ? `${printableJson(diagnosis)}\n` : doctorText(diagnosis));
      exit(diagnosis.ok ? 0 : 3);
    });
};
