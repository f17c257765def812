import type { Phase } from '../../events/phase.ts';
import type { RehearsalResult } from '../../events/rehearsal.ts';
import type { EstimateSource } from '../../events/run.ts';
import { type SectionName, sectionNames, stageFolder } from '../../events/stages.ts';
import type { RunDraft } from '../config/lookups.ts';
import { duration, plural, sizeText } from '../format.ts';
import { type ChangedValue, get, withoutUnset } from '../mapping.ts';
import type { LayerCounts, RunDisk } from '../mlx/estimate.ts';
import { valueText } from '../printable.ts';
import { rehearsalText } from '../run/rehearsal-words.ts';
import { shellLine } from '../shell.ts';
import type { RunTime } from './night.ts';
import { dataFindings, type PlannedData, taughtItems } from './planned-data.ts';
import type { StageCommands } from './planned-stages.ts';
import type { TrainSetting } from './settings-shown.ts';

/** One run as in `plan`. Unknown values are null. */
export interface PlannedRun {
  readonly draft: RunDraft;
  readonly train: readonly TrainSetting[];
  /** Null if nothing is trained, or if the layers of the model are not known. */
  readonly layers: LayerCounts | null;
  readonly data: PlannedData | null;
  readonly stages: readonly StageCommands[];
  readonly disk: RunDisk | null;
  readonly sizeSource: string | null;
  /** What an earlier rehearsal of the same training found. */
  readonly rehearsed: RehearsalResult | null;
  /** What it takes, and how many earlier runs of its model are known. */
  readonly times: Pick<RunTime, 'stages' | 'total'> & { readonly earlier: number };
}

/** One config as in `plan`. */
export interface PlannedPhase {
  readonly file: string;
  readonly phase: Phase;
  readonly prompts: number;
  /** What is not on this machine, and how to get it. */
  readonly missing: readonly string[];
  readonly warnings: readonly string[];
  readonly runs: readonly PlannedRun[];
}

const unknownTime = 'unknown: the size of the model is not known';

function headLines({ phase, missing, warnings, file, runs }: PlannedPhase): string[] {
  const data = dataFindings(runs.map((run) => run.data));
  const { title, hypothesis, baseline, criteria } = phase;
  const outcomes = criteria?.outcomes.map(outcomeText) ?? [];
  return [
    `phase ${phase.phase}${title === undefined ? '' : `: ${title}`}  (${file})`,
    ...(hypothesis === undefined ? [] : [`  hypothesis  ${hypothesis}`]),
    ...(baseline === undefined ? [] : [`  baseline    ${baselineText(baseline)}`]),
    ...(criteria?.gate === undefined ? [] : [`  gate        ${criteria.gate}`]),
    ...outcomes.map((text, index) => `  ${index === 0 ? 'outcomes  ' : '          '}  ${text}`),
    ...missing.map((text) => `  missing     ${text}`),
    ...data.stops.map((text) => `  stop        ${text}`),
    ...[...warnings, ...data.warnings].map((text) => `  warning     ${text}`),
  ];
}

const outcomeText = (outcome: unknown): string => `${get(outcome, 'when') ?? 'else'} -> ${get(outcome, 'then')}`;

function baselineText(baseline: NonNullable<Phase['baseline']>): string {
  if (typeof baseline === 'string') return `phase ${baseline}`;
  const figures = Object.entries({ overall: baseline.overall, ...baseline.categories });
  const known = figures.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  const { name, suite } = baseline;
  return [name, ...known, ...(suite === undefined ? [] : [`measured on ${suite}`])].join(', ');
}

/** Settings as in a config, wrapped into lines of at most 100 characters. */
function wrapped(label: string, items: readonly string[]): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + item.length < 100) lines[lines.length - 1] = `${last}, ${item}`;
    else lines.push(item);
  }
  return lines.map((line, index) => `    ${(index === 0 ? label : '').padEnd(10)}${line}`);
}

function settingLines({ draft, train, layers, data }: PlannedRun, prompts: number): string[] {
  const differing = train.filter(({ differs }) => differs);
  const kept = train
    .filter(({ differs, value }) => !differs && withoutUnset(value) !== undefined)
    .map(({ name, value }) => `${name} ${valueText(value)}`);
  const settingText = ({ name, value, byDefault }: TrainSetting): string => {
    const usual = byDefault === null ? 'none' : valueText(byDefault);
    return `${name} ${valueText(value)}${byDefault === undefined ? '' : ` (default ${usual})`}`;
  };
  return [
    ...(draft.model === null ? [] : wrapped('model', [draft.model.source])),
    ...(layers === null ? [] : wrapped('layers', [plural(layers.count, 'layer'), `${layers.adapted} with an adapter`])),
    ...(draft.data === null ? [] : wrapped('data', [draft.data.source])),
    ...(data === null ? [] : wrapped('examples', taughtItems(data))),
    ...(train.length === 0 ? [] : wrapped('train', [`seed ${draft.seed}`, ...differing.map(settingText)])),
    ...wrapped('defaults', kept),
    ...sectionNames.flatMap((name) => (name === 'train' ? [] : wrapped(name, sectionItems(name, draft, prompts)))),
  ];
}

function sectionItems(name: SectionName, { settings, chain, model }: RunDraft, prompts: number): string[] {
  const { select, fuse, cleanup, eval: asked } = settings;
  const bits = fuse.q_bits === null ? 'unquantized' : `${fuse.q_bits} bits, group size ${fuse.q_group_size}`;
  switch (name) {
    case 'select':
      return select.by === 'last' || !chain.includes('select') ? [] : selectItems(select);
    case 'fuse':
      return [fuse.mode === 'none' ? 'none: base and adapter are served' : `${fuse.mode}, ${bits}`];
    case 'cleanup':
      return [`keep_checkpoints ${cleanup.keep_checkpoints}`, `keep_model ${cleanup.keep_model}`];
    case 'eval':
      return [
        `${asked.suite}: ${plural(prompts, 'prompt')} x ${asked.repeats}`,
        ...[`temperature ${asked.temperature}`, `max_tokens ${asked.max_tokens}`, `timeout_s ${asked.timeout_s}`],
        `scored ${asked.score_by}`,
        ...(asked.base && model !== null ? ['the base model is scored once as well'] : []),
        ...(asked.engine === undefined ? [] : [`by ${shellLine(asked.engine.command)}`]),
      ];
    default:
      return Object.entries(settings[name] ?? {}).map(([key, value]) => `${key} ${valueText(value)}`);
  }
}

const selectItems = ({ by, suite, prompts }: RunDraft['settings']['select']): string[] =>
  by === 'suite'
    ? [
        `by suite ${suite}: scores each checkpoint on ${prompts === undefined ? 'all its prompts' : plural(prompts, 'prompt')}`,
      ]
    : [`by ${by}: measures each checkpoint on all validation examples`];

function stageLines(run: PlannedRun): string[] {
  return run.stages.flatMap(({ stage, files, commands, plain }) => {
    const disk = run.disk?.stages.find((one) => one.stage === stage);
    const time = run.times.stages?.[stage];
    const facts = [
      ...(disk !== undefined && disk.writes > 0 ? [`writes ${sizeText(disk.writes)}`] : []),
      ...(disk !== undefined && disk.frees > 0 ? [`frees ${sizeText(disk.frees)}`] : []),
      ...(time === undefined ? [] : [`about ${duration(time.seconds)} (${time.from})`]),
    ];
    return [
      `    ${stageFolder(stage).padEnd(11)} ${facts.join(', ')}`.trimEnd(),
      ...commands.map((argv) => `      $ ${shellLine(argv)}`),
      ...(plain === null ? [] : [`      the same without phasebox: ${shellLine(plain)}`]),
      ...files.flatMap(({ name, text }) => [
        `      with ${name}:`,
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => `        ${line}`),
      ]),
    ];
  });
}

/** `57 GB float16 avoided`: what `fuse.mode: direct` does not write. */
export function diskText(disk: RunDisk | null, source: string | null): string {
  if (disk === null) return 'unknown: the model is not on this machine and its size is not in its name';
  const about = disk.about ? 'about ' : '';
  const parts = [
    `${about}${sizeText(disk.peak)} at the peak`,
    `${about}${sizeText(disk.stays)} stay${disk.final > 0 ? ` (final model ${sizeText(disk.final)})` : ''}`,
    ...(disk.avoided > 0 ? [`fuse.mode direct avoids writing ${sizeText(disk.avoided)} of ${disk.floats}`] : []),
  ];
  return `${parts.join(', ')}${source === null ? '' : `; estimated from ${source}`}`;
}

const sources: Readonly<Record<EstimateSource, string>> = {
  'measured slope': 'the speed of its last reports',
  rehearsal: 'its rehearsal',
  history: 'earlier runs on this machine',
  'rule of thumb': 'a rule of thumb',
};

function timeText({ times: { total, earlier } }: PlannedRun): string {
  if (total === null) return unknownTime;
  const { seconds, low, high, from } = total;
  const source = from === 'history' && earlier > 0 ? `${plural(earlier, 'earlier run')} of this model` : sources[from];
  return `about ${duration(seconds)} (${duration(low)} - ${duration(high)}), estimated from ${source}`;
}

function runLines(run: PlannedRun, prompts: number): string[] {
  const { from } = run.draft;
  const start =
    from === null
      ? ''
      : 'run' in from
        ? ` (after ${from.after} of ${from.run})`
        : ` (from ${valueText(Object.values(from)[0])})`;
  return [
    '',
    `  run ${run.draft.run}${start}: ${run.draft.chain.join(' -> ')}`,
    ...settingLines(run, prompts),
    ...wrapped('disk', [diskText(run.disk, run.sizeSource)]),
    ...wrapped('time', [timeText(run)]),
    ...(run.rehearsed === null ? [] : wrapped('rehearsed', [rehearsalText(run.rehearsed)])),
    ...stageLines(run),
  ];
}

/** What a config would do, for people. */
export function planText(phase: PlannedPhase): string {
  const lines = [...headLines(phase), ...phase.runs.flatMap((run) => runLines(run, phase.prompts))];
  return `${lines.join('\n')}\n`;
}

/** `train.num_layers: 8 -> 12`, one line per difference. Lists of anything but words have one item per line. */
export function differencesText(names: { before: string; after: string }, found: readonly ChangedValue[]): string {
  if (found.length === 0) return `${names.before} and ${names.after}: no setting differs\n`;
  return `${names.before} -> ${names.after}\n${found.flatMap(differenceLines).join('\n')}\n`;
}

function differenceLines({ path, before, after }: ChangedValue): string[] {
  if (!isLong(before) && !isLong(after)) {
    const text = (value: unknown): string => (value === null ? '(not set)' : valueText(value));
    return [`  ${path}: ${text(before)} -> ${text(after)}`];
  }
  const items = (value: unknown, sign: string): string[] =>
    (Array.isArray(value) ? value : value === null ? [] : [value]).map((item) => `    ${sign} ${itemText(item)}`);
  return [`  ${path}:`, ...items(before, '-'), ...items(after, '+')];
}

const isLong = (value: unknown): boolean =>
  Array.isArray(value) && value.some((item) => typeof item === 'object' && item !== null);

const itemText = (item: unknown): string => (get(item, 'then') === undefined ? valueText(item) : outcomeText(item));
