/** A learning rate schedule as `lr_schedule` names it. Its arguments are those of mlx.optimizers.schedulers. */
export interface Schedule {
  readonly name: string;
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
export const scheduleKinds: Readonly<Partial<Record<string, Kind>>> = {
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
export function learningRate({ name, args, warmup, warmupInit }: Schedule, step: number): number {
  const kind = scheduleKinds[name];
  if (kind === undefined) return Number.NaN;
  if (warmup === 0) return kind.rate(args, step);
  const start = Math.min(step, warmup) * ((at(args, 0) - warmupInit) / warmup) + warmupInit;
  return step < warmup + 1 ? start : kind.rate(args, step - warmup - 1);
}
