import * as z from 'zod';
import { inside } from './paths.ts';
import * as list from './stages/list.ts';
import type { StageRow } from './stages/stage-row.ts';

/** The row of each stage, by its name. */
export const stages = list satisfies Record<string, StageRow>;

export type StageName = keyof typeof stages;
export type Settings<S extends StageName> = z.infer<(typeof stages)[S]['settings']>;
export type Made<S extends StageName> = z.infer<(typeof stages)[S]['makes']>;

/** Every path in what a stage made, relative to its folder, whatever else the manifest says. */
export const madePaths = (stage: StageName, made: unknown): string[] => pathsIn(stages[stage].makes, made);

function pathsIn(schema: unknown, value: unknown): string[] {
  if (schema === inside) return typeof value === 'string' ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (schema instanceof z.ZodArray) return Object.values(value).flatMap((one) => pathsIn(schema.element, one));
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(value).flatMap(([key, one]) => pathsIn(schema.shape[key], one));
}

/** In the order of the chain. */
export const stageNames: readonly StageName[] = (Object.keys(stages) as StageName[]).sort(
  (a, b) => stages[a].place - stages[b].place,
);
export const isStage = (name: unknown): name is StageName => stageNames.some((stage) => stage === name);

/** Stages that have a section in a config, in the order of the chain. */
export type SectionName = { [S in StageName]: (typeof stages)[S]['section'] extends z.ZodType ? S : never }[StageName];
export const sectionNames = stageNames.filter((stage): stage is SectionName => stages[stage].section !== null);

const inSections = <F extends 'section' | 'kept'>(fact: F) =>
  Object.fromEntries(sectionNames.map((stage) => [stage, stages[stage][fact]])) as {
    [S in SectionName]: (typeof stages)[S][F];
  };
/** The sections of a config, and of the settings in run.json. */
export const configSections = inSections('section');
export const keptSections = inSections('kept');

/** Sections of the stages that make the model. A run that starts from a whole model has no use for them. */
export const modelSections = sectionNames.filter((stage) => stages[stage].makesModel);
/** Sections that a run brings with it when another one begins after this stage. */
export const sectionsUntil = (last: StageName): readonly SectionName[] =>
  sectionNames.filter((stage) => stageNames.indexOf(stage) <= stageNames.indexOf(last));

/** Another run may begin after these. */
export const branchingStages = stageNames.filter((stage) => stages[stage].branches);
export const stageName = z.enum(stageNames as [StageName, ...StageName[]]);

/** `1-train`, `3-fuse`: a stage has its number in every run, so a path never changes if a stage is left out. */
export const stageFolder = (stage: StageName): string => `${stages[stage].place}-${stage}`;

/** `.1-train.a2`: where attempt 2 works until it is committed. */
export const attemptFolder = (stage: StageName, attempt: number): string => `.${stageFolder(stage)}.a${attempt}`;
