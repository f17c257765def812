import { plural } from '../format.ts';
import type { Mapping } from '../mapping.ts';
import { type Checked, type Finding, nothingFound, type Path } from './problem.ts';
import { notAllowed, typeWord } from './validate.ts';

/** A learning rate schedule as `lr_schedule` names it. Its arguments are those of mlx.optimizers.schedulers. */
interface Schedule {
  readonly name: string;
  readonly kind: Kind;
  readonly args: readonly number[];
  /** Steps of a linear start from `warmupInit` to the first argument, or 0. */
  readonly warmup: number;
  readonly warmupInit: number;
}

interface Kind {
  /** The least and the largest number of arguments. */
  readonly least: number;
  readonly most: number;
  readonly usage: string;
  readonly rate: (args: readonly number[], step: number) => number;
}

const at = (args: readonly number[], index: number, absent = Number.NaN): number => args[index] ?? absent;

/** What mlx computes, function by function. */
const scheduleKinds: Readonly<Partial<Record<string, Kind>>> = {
  exponential_decay: {
    ...{ least: 2, most: 2, usage: '[start, decay_rate]' },
    rate: (args, step) => at(args, 0) * at(args, 1) ** step,
  },
  step_decay: {
    ...{ least: 3, most: 3, usage: '[start, decay_rate, step_size]' },
    rate: (args, step) => at(args, 0) * at(args, 1) ** Math.floor(step / at(args, 2)),
  },
  cosine_decay: {
    ...{ least: 2, most: 3, usage: '[start, decay_steps, end]' },
    rate(args, step) {
      const [start, steps, end] = [at(args, 0), at(args, 1), at(args, 2, 0)];
      return end + 0.5 * (1 + Math.cos((Math.PI / steps) * Math.min(step, steps))) * (start - end);
    },
  },
  linear_schedule: {
    ...{ least: 3, most: 3, usage: '[start, end, steps]' },
    rate(args, step) {
      const [start, end, steps] = [at(args, 0), at(args, 1), at(args, 2)];
      // mlx refuses fewer than one step.
      return steps < 1 ? Number.NaN : Math.min(step, steps) * ((end - start) / steps) + start;
    },
  },
};

/** Learning rate of a step of the optimizer, counted from 0. NaN if mlx would refuse or compute none. */
function learningRate({ kind, args, warmup, warmupInit }: Schedule, step: number): number {
  if (warmup === 0) return kind.rate(args, step);
  const start = Math.min(step, warmup) * ((at(args, 0) - warmupInit) / warmup) + warmupInit;
  return step < warmup + 1 ? start : kind.rate(args, step - warmup - 1);
}

/** Longer training runs are not simulated step by step. */
const mostSteps = 200_000;
/** A schedule that ends at 0 does so at its last step. A larger share of the training at 0 is a mistake. */
const idleShare = 0.05;

/** The remainder of a rate, relative to its highest value, that is 0 in float arithmetic. */
const rounding = 1e-6;

const sections = ['name', 'arguments', 'warmup', 'warmup_init'];

/** Checks `train.lr_schedule`. `known` has the schedules of the installed mlx, `updates` counts optimizer steps. */
export function checkSchedule(
  value: Mapping,
  { path, known, updates }: { path: Path; known: readonly string[] | null; updates: number },
): Checked {
  const findings = shapeFindings(value, path, known);
  const schedule = findings.length > 0 ? null : readSchedule(value);
  if (schedule === null) return { findings, warnings: [] };
  return checkRates(schedule, { path, updates, seen: value.arguments });
}

function shapeFindings(value: Mapping, path: Path, known: readonly string[] | null): Finding[] {
  const { name, arguments: args } = value;
  const unknown = Object.keys(value).filter((key) => !sections.includes(key));
  const findings: Finding[] = unknown.map((key) => ({
    path: [...path, key],
    seen: value[key],
    ...notAllowed('mlx_lm does not read this key', key, sections),
  }));
  if (typeof name !== 'string')
    findings.push({ path: [...path, 'name'], seen: name, missing: true, message: 'required: its name' });
  else if (known !== null && !known.includes(name))
    findings.push({
      path: [...path, 'name'],
      seen: name,
      ...notAllowed('mlx does not have this schedule', name, known),
    });
  const kind = typeof name === 'string' ? scheduleKinds[name] : undefined;
  const form = kind === undefined ? '' : `: ${kind.usage}`;
  if (!Array.isArray(args) || args.length === 0 || !args.every((one) => Number.isFinite(one)))
    findings.push({ path: [...path, 'arguments'], seen: args, message: `a list of numbers is expected${form}` });
  else if (kind !== undefined && (args.length < kind.least || args.length > kind.most))
    findings.push({ path: [...path, 'arguments'], seen: args, message: `${name} takes ${kind.usage}` });
  for (const key of ['warmup', 'warmup_init'])
    if (value[key] !== undefined && value[key] !== null && !(Number.isFinite(value[key]) && Number(value[key]) >= 0))
      findings.push({ path: [...path, key], seen: value[key], message: `${typeWord('number')} from 0 on is expected` });
  return findings;
}

/** Null if phasebox does not know the name, so that nothing can be said about its rates. */
function readSchedule(value: Mapping): Schedule | null {
  const { name, arguments: args, warmup, warmup_init: warmupInit } = value;
  const kind = typeof name === 'string' ? scheduleKinds[name] : undefined;
  if (typeof name !== 'string' || kind === undefined || !Array.isArray(args)) return null;
  return { name, kind, args: args.map(Number), warmup: Number(warmup ?? 0), warmupInit: Number(warmupInit ?? 0) };
}

function checkRates(
  schedule: Schedule,
  { path, updates, seen }: { path: Path; updates: number; seen: unknown },
): Checked {
  if (updates < 1 || updates > mostSteps) return nothingFound;
  const rates = Array.from({ length: updates }, (_, step) => learningRate(schedule, step));
  const fault = (message: string): Checked => ({
    findings: [{ path: [...path, 'arguments'], seen, message }],
    warnings: [],
  });
  if (rates.some((rate) => !Number.isFinite(rate))) return fault(`${schedule.name} gives no learning rate with these`);
  const none = rounding * rates.reduce((most, rate) => Math.max(most, rate), 0);
  if (rates.some((rate) => rate < -none)) return fault('the learning rate becomes negative');
  const idle = rates.filter((rate) => rate <= none).length;
  const steps = plural(updates, 'step');
  if (idle === updates)
    return fault(`the learning rate stays at 0 for the whole training (${steps} of the optimizer): nothing is learned`);
  const warnings: string[] = [];
  if (idle > 1 && idle > idleShare * updates)
    warnings.push(`train.lr_schedule: the learning rate is 0 in ${idle} of ${steps} of the optimizer`);
  if (schedule.warmup >= updates)
    warnings.push(
      `train.lr_schedule: the warmup takes ${plural(schedule.warmup, 'step')}, but the optimizer makes ${updates}: the learning rate stays below ${schedule.args[0]}`,
    );
  return { findings: [], warnings };
}
