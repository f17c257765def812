import type { From } from '../../events/phase.ts';
import type { Run } from '../../events/run.ts';
import { modelSections, type SectionName, type StageName, sectionsUntil, stages } from '../../events/stages.ts';
import { get, type Mapping } from '../mapping.ts';
import { faultFinding, faultOf, type ModelReader } from './base-model.ts';
import { checkAdapter, noAdapter } from './check-adapter.ts';
import { checkData } from './check-data.ts';
import type { Lookups, RunPlan } from './lookups.ts';
import type { Start } from './plan-runs.ts';
import type { Finding, Looked } from './problem.ts';
import { type UsablePhase, usable } from './read-phase.ts';
import { suggestion } from './validate.ts';

/** Where the runs of a phase begin, and what they inherit from the run they start from. */
export interface CheckedStart extends Start {
  /** Settings of stages that already exist. */
  readonly inherited: Partial<Run['settings']>;
  /** mlx_lm's defaults for the training of that run. Null if nothing is inherited. */
  readonly trainDefaults: Mapping | null;
}

const nothing = (...findings: readonly Finding[]): Looked<never> => ({ value: null, findings });

/** Looks up model, data, adapter and source run. Missing keys are reported elsewhere (`required`). */
export async function checkStart(
  phase: UsablePhase,
  lookups: Lookups,
  models: ModelReader,
): Promise<Looked<CheckedStart>> {
  const { from } = phase;
  if (from !== undefined && 'run' in from) return startFromRun(from, phase, lookups);
  const [model, rest] = await Promise.all([
    checkModel(phase, lookups, models),
    from === undefined ? checkData(phase, lookups) : checkFolder(from, lookups, models),
  ]);
  const findings = [...model.findings, ...rest.findings, ...nothingToSelect(phase)];
  const incomplete = model.value === null && !(from !== undefined && 'model' in from && phase.model === undefined);
  if (incomplete || rest.value === null) return { value: null, findings };
  const begin: Pick<Start, 'from' | 'data' | 'done'> =
    'source' in rest.value
      ? { from: null, data: rest.value, done: null }
      : { from: rest.value, data: null, done: 'model' in rest.value ? 'quantize' : 'select' };
  const inherited = begin.done === 'quantize' ? unused : {};
  const value = { ...begin, model: model.value, min_rows: { ...phase.min_rows }, inherited, trainDefaults: null };
  return { value, findings };
}

/** A run that only evaluates does not use these: they must not change how its model is served. */
const unused = pickSections(usable.parse({}), modelSections);

function pickSections<S extends Partial<Run['settings']>>(settings: S, names: readonly SectionName[]): Partial<S> {
  return Object.fromEntries(
    names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])),
  ) as Partial<S>;
}

/** An adapter from outside was chosen by the person who named it. */
function nothingToSelect({ from, select }: UsablePhase): Finding[] {
  if (from === undefined || !('adapter' in from) || select === undefined || select.by === 'last') return [];
  const message = 'nothing is trained here, so there are no checkpoints to choose from; allowed: last';
  return [{ path: ['select', 'by'], seen: select.by, message, hint: 'from.checkpoint names one' }];
}

type Model = NonNullable<Run['model']>;

async function checkModel(phase: UsablePhase, lookups: Lookups, models: ModelReader): Promise<Looked<Model>> {
  const { model: source, revision = null, download } = phase;
  if (source === undefined) return nothing();
  const named = await models.read(source, revision);
  const { found } = named;
  const absent = { source, folder: null, revision, download };
  if (!found.found) {
    if (found.kind === 'hub' && download) return { value: absent, findings: [] };
    const finding = { path: ['model'], seen: source, message: found.message, hint: found.hint, absent: true } as const;
    return { value: absent, findings: [finding] };
  }
  const trusts = phase.train?.trust_remote_code === true;
  const fault = await faultOf(named, lookups, trusts);
  // Missing files of a Hub model come with the download.
  if (fault?.kind === 'missing' && found.revision !== null && download) return { value: absent, findings: [] };
  const value = { source, folder: found.folder, revision: found.revision ?? revision, download };
  return { value, findings: fault === null ? [] : [faultFinding(fault, named, ['model'])] };
}

/** Checks a `from` that its schema refuses: a mistake in a key must not hide that the run or folder is missing. */
export async function checkBrokenFrom(from: unknown, lookups: Lookups, models: ModelReader) {
  const [run, adapter, model] = ['run', 'adapter', 'model'].map((key) => get(from, key));
  if ([run, adapter, model].filter((one) => one !== undefined).length !== 1) return [];
  if (typeof run === 'string') return (await lookups.runPlan(run)) === null ? [await noSuchRun(run, lookups)] : [];
  if (typeof adapter === 'string') return noAdapter(adapter, lookups);
  return typeof model === 'string' ? (await checkFolder({ model }, lookups, models)).findings : [];
}

async function noSuchRun(run: string, lookups: Lookups): Promise<Finding> {
  const message = 'there is no such run; allowed: a run of an accepted phase, such as `43a-s0`';
  return { path: ['from', 'run'], seen: run, message, hint: await nearestPhase(run, lookups) };
}

type FromFolder = Exclude<From, { run: string }>;
type FolderOrigin = Exclude<NonNullable<Run['from']>, { run: string }>;

async function checkFolder(from: FromFolder, lookups: Lookups, models: ModelReader): Promise<Looked<FolderOrigin>> {
  if ('adapter' in from) return checkAdapter(from, lookups, models);
  const named = await models.read(from.model, null);
  const { found } = named;
  if (!found.found) {
    const at = { path: ['from', 'model'], seen: from.model, absent: true } as const;
    const model = found.kind === 'folder' ? lookups.absolute(from.model) : from.model;
    return { value: { model, sha256: '' }, findings: [{ ...at, message: found.message, hint: found.hint }] };
  }
  const fault = await faultOf(named, lookups, false);
  if (fault !== null) {
    const finding = faultFinding(fault, named, ['from', 'model']);
    return { value: { model: found.folder, sha256: '' }, findings: [finding] };
  }
  const hash = await lookups.hash(found.folder);
  if ('message' in hash) return nothing({ path: ['from', 'model'], seen: from.model, message: hash.message });
  return { value: { model: found.folder, sha256: hash.sha256 }, findings: [] };
}

async function startFromRun(
  { run, after }: Extract<From, { run: string }>,
  { select: own }: UsablePhase,
  lookups: Lookups,
): Promise<Looked<CheckedStart>> {
  const source = await lookups.runPlan(run);
  if (source === null) return nothing(await noSuchRun(run, lookups));
  const fault = cannotBranch(source, after);
  if (fault !== null) return nothing({ path: ['from', 'after'], seen: after, ...fault });
  if (after === 'train' && own !== undefined && own.by !== 'last' && keepsOne(source.settings)) {
    const message = `${source.run} keeps one checkpoint only (cleanup.keep_checkpoints: selected); allowed: last`;
    return nothing({ path: ['select', 'by'], seen: own.by, message });
  }
  const inherited = pickSections(source.settings, sectionsUntil(after));
  const { model, data, min_rows } = source;
  const trainDefaults = source.train_defaults ?? {};
  const value = { from: { run: source.run, after }, done: after, model, data, min_rows, inherited, trainDefaults };
  return { value, findings: [] };
}

/** Checkpoints that another run could choose from are deleted when this one has finished. */
export const keepsOne = ({ cleanup }: Run['settings']): boolean => cleanup.keep_checkpoints === 'selected';

async function nearestPhase(run: string, lookups: Lookups): Promise<string | undefined> {
  const names = await lookups.phaseNames();
  const records = await Promise.all(names.slice(0, 200).map((name) => lookups.phaseRecord(name)));
  const runs = records.flatMap((record) => record?.runs ?? []);
  return suggestion(run, runs);
}

/** Why no run can start after this stage of that run, or null if it can. */
function cannotBranch(source: RunPlan, after: StageName): Pick<Finding, 'message' | 'hint'> | null {
  const made: readonly StageName[] = source.chain.filter((stage) => stages[stage].branches);
  if (!made.includes(after)) {
    const list = made.length === 0 ? 'it makes no model of its own' : `allowed: ${made.join(', ')}`;
    const { from } = source;
    const hint =
      from !== null && 'run' in from ? `${source.run} itself starts after ${from.after} of ${from.run}` : undefined;
    return { message: `${source.run} has no stage ${after}; ${list}`, hint };
  }
  if (after === 'fuse' && made.includes('quantize')) {
    const message = `the unquantized model of ${source.run} is removed once it is quantized; allowed: train, quantize`;
    return { message };
  }
  if (after !== 'train' && after !== 'select' && source.settings.cleanup.keep_model === 'none') {
    return { message: `${source.run} keeps no model (cleanup.keep_model: none)`, hint: 'start after train' };
  }
  return null;
}
