import type { Run } from '../../events/run.ts';
import { type StageName, stageNames, stages } from '../../events/stages.ts';
import { isMapping, type Mapping } from '../mapping.ts';
import { checkSettings, resolveSettings, type SettingsScope, sections } from './check-settings.ts';
import { keepsOne } from './check-start.ts';
import { overlay } from './extend.ts';
import type { Lookups } from './lookups.ts';
import { effective, firstDifference, type Variant } from './plan-runs.ts';
import { type Checked, type Finding, pathText, together, unlessRefused } from './problem.ts';
import { validate } from './validate.ts';

export interface VariantsScope extends Omit<SettingsScope, 'path'> {
  /** The merged config, and the variants in it whose own keys are right. */
  readonly raw: Mapping;
  readonly overlays: Mapping;
  /** The last stage that already exists where the phase begins. */
  readonly done: StageName | null;
  /** The phase's own settings. Null if they are wrong. */
  readonly plain: Run['settings'] | null;
  /** What the phase inherits with `from.run`. */
  readonly inherited: Partial<Run['settings']>;
  /** Problems of the phase are not repeated for each variant. */
  readonly known: readonly Finding[];
  /** Warnings about the phase's own sections, which are not repeated either. */
  readonly doubts: readonly string[];
}

export interface CheckedVariants extends Checked {
  readonly variants: readonly Variant[];
}

/** Each variant merged into the phase and checked again, under its own path. */
export async function checkVariants(scope: VariantsScope): Promise<CheckedVariants> {
  const checked = await Promise.all(Object.entries(scope.overlays).map((entry) => checkVariant(entry, scope)));
  return { variants: checked.flatMap(({ variants }) => variants), ...together(...checked) };
}

async function checkVariant([name, over]: [string, unknown], scope: VariantsScope): Promise<CheckedVariants> {
  const path = ['variants', name];
  const own = isMapping(over) ? over : {};
  const misplaced = cannotVary(own, scope.done).map((section) => ({
    path: [...path, section],
    seen: own[section],
    message: 'this phase begins after that stage, so no variant can change it',
  }));
  const base = Object.fromEntries(Object.entries(scope.raw).filter(([key]) => key in sections.shape));
  const { value, findings } = validate(sections, overlay(base, own), path);
  const used = await checkSettings(value ?? {}, { ...scope, path });
  const known = new Set(scope.known.map((finding) => said(finding, [])));
  const found = [...findings, ...unlessRefused(used.findings, findings)];
  const fresh = found.filter((finding) => !known.has(said(finding, path)));
  const all = [...misplaced, ...fresh];
  const settings = value === null || all.length > 0 ? null : resolveSettings(value, scope.lookups);
  if (settings === null || scope.plain === null) return { variants: [], findings: all, warnings: [] };
  const variant = { name, settings: { ...settings, ...scope.inherited } };
  const compared = await compare(variant, scope.plain, scope.lookups);
  const doubts = used.warnings
    .filter((text) => !scope.doubts.includes(text))
    .map((text) => `variants.${name}: ${text}`);
  return { variants: [variant], findings: compared.findings, warnings: [...doubts, ...compared.warnings] };
}

/** A finding as it would be in the phase itself, without the variant's path in front. */
const said = ({ path, message }: Finding, below: readonly string[]): string =>
  `${pathText(path.slice(below.length))}: ${message}`;

function cannotVary(own: Mapping, done: StageName | null): string[] {
  const reached = done === null ? -1 : stageNames.indexOf(done);
  const unused = (stage: StageName, place: number): boolean =>
    place <= reached || (done === 'quantize' && stages[stage].makesModel);
  return stageNames.filter((stage, place) => own[stage] !== undefined && own[stage] !== null && unused(stage, place));
}

async function compare({ name, settings }: Variant, plain: Run['settings'], lookups: Lookups): Promise<Checked> {
  const defaults = plain.train === null ? {} : (await lookups.facts()).defaults;
  const first = firstDifference(effective(plain, defaults), effective(settings, defaults));
  if (first === null) {
    const message = 'this variant changes nothing: its run would be the same as the plain one';
    const hint = 'to run the same again, give a seed twice: seeds: [0, 0]';
    return { findings: [{ path: ['variants', name], message, hint }], warnings: [] };
  }
  if (first === 'select' && settings.select.by !== 'last' && keepsOne(plain)) {
    const message = 'it chooses among checkpoints of the plain run, which keeps only one (cleanup.keep_checkpoints)';
    const hint = 'cleanup: { keep_checkpoints: all } in the phase';
    return { findings: [{ path: ['variants', name, 'select'], message, hint }], warnings: [] };
  }
  const same = first === 'cleanup' && firstDifference({ ...plain, cleanup: settings.cleanup }, settings) === null;
  const warning = `variants.${name} changes only cleanup: its run scores the same model again`;
  return { findings: [], warnings: same ? [warning] : [] };
}
