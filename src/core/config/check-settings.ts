import * as z from 'zod';
import { othersHome, othersHomeAt } from '../../events/paths.ts';
import type { Run } from '../../events/run.ts';
import { configSections, keptSections, sectionNames, stages } from '../../events/stages.ts';
import { plural } from '../format.ts';
import type { ModelReader } from './base-model.ts';
import { weightsProblem } from './check-adapter.ts';
import { trainDoubts } from './check-doubts.ts';
import { checkTrain } from './check-train.ts';
import { knownTrainSettings, type Lookups } from './lookups.ts';
import type { Checked, Finding, Path, Problem } from './problem.ts';
import type { SuiteResult } from './read-suite.ts';

/** The sections that a phase and its variants have in common. */
export const sections = z.strictObject(configSections);
const kept = z.strictObject(keptSections);
export type Sections = Partial<z.infer<typeof sections>>;

/** A suite that a config names. `message` says why its file cannot be read at all. */
export type FoundSuite = SuiteResult | { readonly message: string };

export type SuiteReader = ReturnType<typeof suiteReader>;

/** Reads suites by absolute path, each once, and keeps what is wrong in them. */
export function suiteReader(lookups: Lookups) {
  const known = new Map<string, Promise<FoundSuite>>();
  const load = async (path: string): Promise<FoundSuite> => {
    const file = await lookups.read(path);
    return file.ok ? lookups.suite(file.bytes, path) : { message: file.message };
  };
  return {
    read(path: string): Promise<FoundSuite> {
      const found = known.get(path) ?? load(path);
      known.set(path, found);
      return found;
    },
    async problems(): Promise<Problem[]> {
      const all = await Promise.all(known.values());
      return all.flatMap((found) => ('problems' in found ? found.problems : []));
    },
    /** What is doubtful in the others, with the file's path. */
    async warnings(): Promise<string[]> {
      const all = await Promise.all([...known].map(async ([path, found]) => ({ path, found: await found })));
      return all.flatMap(({ path, found }) =>
        'suite' in found ? (found.warnings ?? []).map((text) => `${path}: ${text}`) : [],
      );
    },
  };
}

export interface SettingsScope {
  readonly lookups: Lookups;
  readonly suites: SuiteReader;
  readonly models: ModelReader;
  readonly path: Path;
}

/** What the sections refer to: train keys of the installed mlx_lm, layers of the model, files, the suite. */
export async function checkSettings(given: Sections, scope: SettingsScope): Promise<Checked> {
  const { lookups, path } = scope;
  const findings: Finding[] = [];
  const warnings: string[] = [];
  if (given.train !== undefined) {
    const facts = await lookups.facts();
    const [defaults, schedules] = [knownTrainSettings(facts), facts.schedules ?? null];
    const layers = await scope.models.layers();
    const train = checkTrain(given.train, { defaults, schedules, layers, path: [...path, 'train'] });
    findings.push(...train.findings);
    const folder = (await scope.models.base())?.folder;
    const config = folder?.whole === true ? folder.config : null;
    warnings.push(
      ...train.warnings,
      ...trainDoubts(given.train, { defaults, versions: facts.versions, config, by: given.select?.by ?? 'last' }),
    );
  }
  const resume = given.train?.resume_adapter_file;
  if (resume !== undefined) findings.push(...(await checkResume(resume, scope)));
  const evaluated = given.eval?.suite;
  const suite = evaluated === undefined ? [] : await checkSuite(evaluated, ['eval', 'suite'], scope);
  return {
    findings: [...findings, ...(await checkSelect(given, scope)), ...suite, ...checkEngine(given, path)],
    warnings,
  };
}

/** Not in the schema, which also reads the run.json of earlier versions. */
function checkEngine(given: Sections, path: Path): Finding[] {
  const words = given.eval?.engine?.command ?? [];
  const index = othersHomeAt(words);
  if (index < 0) return [];
  return [{ path: [...path, 'eval', 'engine', 'command', index], seen: words[index], message: othersHome }];
}

/** mlx_lm ignores weights with names that it does not know, so a file of another model would change nothing. */
async function checkResume(file: string, { lookups, models, path }: SettingsScope): Promise<Finding[]> {
  const at = { path: [...path, 'train', 'resume_adapter_file'], seen: file };
  const absolute = lookups.absolute(file);
  if ((await lookups.look(absolute))?.kind !== 'file')
    return [{ ...at, message: `${absolute} does not exist`, hint: 'relative paths are resolved from the workspace' }];
  const message = await weightsProblem(absolute, lookups, await models.layers());
  return message === null ? [] : [{ ...at, message }];
}

/** What decides instead of a suite. */
const decides = { last: 'the last checkpoint is used', val_loss: 'the loss on valid.jsonl decides' } as const;

/** A variant inherits the keys of its phase that it does not set itself. */
const takeOut = (key: string, path: Path): string =>
  path.length === 0 ? 'remove it' : `remove it; \`${key}: null\` does that with what the phase says`;

async function checkSelect({ select }: Sections, scope: SettingsScope): Promise<Finding[]> {
  if (select === undefined) return [];
  const { by, suite, prompts } = select;
  const at = (key: 'suite' | 'prompts'): Path => [...scope.path, 'select', key];
  if (by !== 'suite') {
    const message = `says how \`by: suite\` chooses; with \`by: ${by}\` ${decides[by]} and it would do nothing`;
    return (['suite', 'prompts'] as const)
      .filter((key) => select[key] !== undefined)
      .map((key) => ({ path: at(key), seen: select[key], message, hint: takeOut(key, scope.path) }));
  }
  if (suite === undefined) {
    const hint =
      '`phasebox suite from data/valid.jsonl -o FILE` makes a suite other than the one whose score is reported';
    const message = 'required with `by: suite`: the suite that selects the checkpoint';
    return [{ path: at('suite'), missing: true, message, hint }];
  }
  const found = await scope.suites.read(scope.lookups.absolute(suite));
  const most = 'suite' in found ? found.suite.prompts.length : null;
  const tooMany = most !== null && prompts !== undefined && prompts > most;
  const few: Finding = {
    path: at('prompts'),
    seen: prompts,
    message: `${suite} has ${plural(most ?? 0, 'prompt')}; allowed: 1 to ${most}`,
  };
  return [...(await checkSuite(suite, ['select', 'suite'], scope)), ...(tooMany ? [few] : [])];
}

async function checkSuite(suite: string, key: Path, { lookups, suites, path }: SettingsScope): Promise<Finding[]> {
  const found = await suites.read(lookups.absolute(suite));
  const at = { path: [...path, ...key], seen: suite };
  if ('message' in found)
    return [{ ...at, message: found.message, hint: 'relative paths are resolved from the workspace' }];
  if ('suite' in found) return [];
  const count = plural(found.problems.length, 'problem');
  return [{ ...at, message: `this is not a valid suite: it has ${count}, listed below` }];
}

/** Sections as a run keeps them, with absolute paths. Null if one is missing. */
export function resolveSettings(given: Sections, lookups: Lookups): Run['settings'] | null {
  const absolute = (path: string): string => lookups.absolute(path);
  const resolved = sectionNames.map((name) => {
    const value = given[name];
    return [name, value === undefined ? null : stages[name].resolve(value as never, absolute)];
  });
  return kept.safeParse(Object.fromEntries(resolved)).data ?? null;
}
