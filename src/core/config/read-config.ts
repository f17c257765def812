import { type Phase, phase as phaseSchema } from '../../events/phase.ts';
import type { Mapping } from '../mapping.ts';
import { printableLines } from '../printable.ts';
import { type ModelReader, modelReader, pairWarnings } from './base-model.ts';
import { percentDoubts, seedDoubts } from './check-doubts.ts';
import { checkPrompts } from './check-prompts.ts';
import { checkRows } from './check-rows.ts';
import { baselineDoubts, checkScores } from './check-scores.ts';
import { checkSettings, resolveSettings, type SuiteReader, suiteReader } from './check-settings.ts';
import { type CheckedStart, checkBrokenFrom, checkStart } from './check-start.ts';
import { phaseDefaults } from './check-train.ts';
import { checkVariants } from './check-variants.ts';
import { merged, readBase } from './extend.ts';
import type { EarlierPhase, Lookups, RunDraft } from './lookups.ts';
import { isLoraConfig, phaseOfLora } from './lora-config.ts';
import { planRuns, seedList } from './plan-runs.ts';
import { type Finding, locate, type Problem, pathText, unlessRefused } from './problem.ts';
import {
  asWritten,
  fromKind,
  inheritable,
  readPhase,
  readPhaseNulls,
  type UsablePhase,
  unusedKeys,
} from './read-phase.ts';
import { withSourceSuite } from './source-suite.ts';

/** A config that was read without problems: the resolved phase and the runs it asks for, in order. */
export interface PhasePlan extends EarlierPhase {
  readonly warnings: readonly string[];
  /** The `warnings` that mean nothing later, such as a pending download. They are not in the phase's record. */
  readonly transient?: readonly string[];
}

/** `config` is the phase with extends merged, defaults filled in and seeds as a list. */
export interface ReadPlan extends PhasePlan {
  readonly config: Phase;
}

/** Problems with a `plan`: the config is right, but model or data are not here. It can be shown, not accepted. */
export type ReadConfig =
  | { readonly ok: true; readonly plan: ReadPlan }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly plan: ReadPlan | null };

/** The plans of a config's runs, or what is wrong. Throws CommandError without Python or mlx_lm, and disk errors. */
export async function readConfig(bytes: Uint8Array, file: string, lookups: Lookups): Promise<ReadConfig> {
  const yaml = await lookups.yaml(bytes, file);
  if (!yaml.ok) return { ok: false, problems: yaml.problems, plan: null };
  const own = asWritten(yaml.source);
  if (isLoraConfig(own)) return { ok: false, problems: [loraProblem(own, file)], plan: null };
  const [base, nulls] = await Promise.all([readBase(own, lookups), readPhaseNulls(yaml.source, lookups)]);
  const { raw, said, found } = await withSourceSuite(merged(inheritable(base.value, own), own), lookups);
  const config = { raw, own, said, lookups, suites: suiteReader(lookups) };
  const { findings, resolved, ...doubts } = await check(config);
  // If nothing is inherited, the keys that the base or the run would have given are not missing: they are.
  const isWhole = found && base.findings.length + base.problems.length === 0;
  const empty = new Set(nulls.findings.map(({ path }) => pathText(path)));
  const reported = findings.filter((one) => (isWhole || !isMissing(one)) && !empty.has(pathText(one.path)));
  const located = locate([...base.findings, ...nulls.findings, ...reported], [yaml.source, ...base.sources]);
  const problems = [...located, ...base.problems, ...(await config.suites.problems())];
  const warnings = [...nulls.warnings, ...base.warnings, ...(await config.suites.warnings()), ...doubts.warnings];
  const isPlain = resolved !== null && isWhole && nulls.findings.length === 0;
  const plan = isPlain
    ? { phase: resolved.phase.phase, config: resolved.phase, runs: resolved.runs, ...doubts, warnings }
    : null;
  return problems.length > 0 || plan === null ? { ok: false, problems, plan } : { ok: true, plan };
}

/** A config of mlx_lm in the inbox. */
function loraProblem(own: Mapping, file: string): Problem {
  const name = file.replace(/\.[^.]*$/, '');
  const phase = phaseOfLora(own, { name, from: file }).replaceAll(/^(?=.)/gm, '    ');
  const message = 'this is a config of `mlx_lm lora`, not of a phase, which also has a name and a suite';
  const hint = `\`phasebox import\` writes this phase file from it:\n\n${phase.slice(0, 4000)}`;
  return { file, line: null, path: '', seen: null, message, hint: printableLines(hint) };
}

const isAbsent = (finding: Finding): boolean => finding.absent === true;
const isMissing = (finding: Finding): boolean => finding.missing === true;

interface Config {
  /** Merged with what it extends. `own` is what the file itself says. */
  readonly raw: Mapping;
  readonly own: Mapping;
  /** What it takes from the run that it starts from, in words. */
  readonly said: readonly string[];
  readonly lookups: Lookups;
  readonly suites: SuiteReader;
}

type Doubts = Required<Pick<ReadPlan, 'warnings' | 'transient'>>;

interface CheckedConfig extends Doubts {
  readonly findings: readonly Finding[];
  /** Null if there are findings other than what this machine lacks. */
  readonly resolved: { readonly phase: Phase; readonly runs: readonly RunDraft[] } | null;
}

async function check(config: Config): Promise<CheckedConfig> {
  const { raw, own, lookups } = config;
  const read = readPhase(raw, own);
  const models = modelReader(lookups, read.value);
  const [start, broken, used, scores] = await Promise.all([
    checkStart(read.value, lookups, models),
    read.value.from === undefined ? checkBrokenFrom(raw.from, lookups, models) : [],
    checkSettings(read.value, { ...config, models, path: [] }),
    checkScores(read.value, config),
  ]);
  const found = [
    ...read.findings,
    ...start.findings,
    ...broken,
    ...unlessRefused(used.findings, read.findings),
    ...scores,
  ];
  const plain = resolveSettings(read.value, lookups);
  const inherited = start.value?.inherited ?? {};
  const settings = plain === null ? null : { ...plain, ...inherited };
  const variants = await checkVariants({
    ...{ ...config, models, doubts: used.warnings },
    overlays: read.value.variants,
    done: start.value?.done ?? null,
    plain: found.every(isAbsent) ? settings : null,
    inherited,
    known: found,
  });
  const findings = [...found, ...variants.findings];
  const isRight = findings.every(isAbsent);
  if (!isRight || settings === null || start.value === null)
    return { findings, warnings: [], transient: [], resolved: null };
  const { phase, renamed } = await named(raw, lookups);
  const installed = settings.train === null ? {} : phaseDefaults((await lookups.facts()).defaults);
  const trainDefaults = start.value.trainDefaults ?? installed;
  const settled = { settings, variants: variants.variants };
  const baseline = await baselineDoubts(phase, settled, config);
  const unasked = await unchecked(read.value, lookups);
  const now = [...renamed, ...config.said, ...toFetch(start.value), ...unasked];
  const drafts = planRuns({ phase, start: start.value, ...settled, trainDefaults, comparable: baseline.comparable });
  const prompts = await checkPrompts(unasked.length > 0 ? [] : drafts, lookups, config.suites);
  const rows = await checkRows(drafts, lookups, config.suites);
  const doubts = [...used.warnings, ...(await modelDoubts(read.value, lookups, models)), ...variants.warnings];
  doubts.push(...percentDoubts(phase), ...seedDoubts(drafts));
  const warnings = [...now, ...unused(config), ...doubts, ...baseline.warnings, ...prompts.warnings];
  const transient = [...now, ...prompts.transient];
  const isRefused = prompts.findings.length > 0;
  return {
    findings: [...findings, ...rows.findings, ...prompts.findings],
    warnings: [...warnings, ...rows.warnings],
    transient,
    resolved: isRefused ? null : { phase, runs: drafts },
  };
}

/** The phase by its schema, under the already accepted name if only the case differs. */
async function named(raw: Mapping, lookups: Lookups): Promise<{ phase: Phase; renamed: string[] }> {
  const phase = phaseSchema.parse(raw);
  const known = (await lookups.phaseRecord(phase.phase))?.phase ?? phase.phase;
  const renamed =
    known === phase.phase ? [] : [`phase ${phase.phase} is read as ${known}: names that differ only in case are one`];
  return { phase: { ...phase, phase: known, seeds: seedList(phase.seeds) }, renamed };
}

/** What only mlx_lm knows, and was not checked. A run of another phase was checked when that phase was accepted. */
async function unchecked({ from }: UsablePhase, lookups: Lookups): Promise<string[]> {
  const { unchecked: why } = from !== undefined && 'run' in from ? {} : await lookups.facts();
  if (why === undefined) return [];
  const what = 'the keys of train, whether mlx_lm can load the model, and whether its chat template takes the suite';
  return [`not checked here: ${what}. ${why}`];
}

/** Versions that are known to fail when they train this model. */
async function modelDoubts(phase: UsablePhase, lookups: Lookups, models: ModelReader): Promise<string[]> {
  const { model, revision = null, train } = phase;
  if (model === undefined || train === undefined) return [];
  return pairWarnings(await models.read(model, revision), await lookups.facts());
}

function unused({ raw, own }: Config): string[] {
  const kind = fromKind(raw);
  return unusedKeys(raw, own).map((key) => `${key} has no use here: the phase begins with from.${kind}`);
}

function toFetch({ model }: CheckedStart): string[] {
  if (model === null || model.folder !== null || !model.download) return [];
  return [`${model.source} is not here yet: it is fetched before the first run starts`];
}
