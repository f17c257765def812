import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readNulls } from '../../core/config/nulls.ts';
import { type Finding, formatProblems, locate } from '../../core/config/problem.ts';
import { readYaml } from '../../core/config/read-yaml.ts';
import { findIssues } from '../../core/config/validate.ts';
import { CommandError } from '../../core/errors.ts';
import type { Mapping } from '../../core/mapping.ts';
import { shellWord } from '../../core/shell.ts';
import { type WorkspaceConfig, workspaceConfig } from '../../events/workspace.ts';
import { isFolder, readText } from '../disk/files.ts';
import { absolutePath } from '../host/home.ts';

/** The folder with inbox, artifacts and phasebox.yaml. All paths are absolute. `state` is .phasebox/. */
export interface Workspace {
  readonly root: string;
  readonly config: WorkspaceConfig;
  readonly inbox: string;
  readonly artifacts: string;
  readonly state: string;
  /** Doubtful settings in phasebox.yaml. */
  readonly warnings?: readonly string[];
}

/** `read`: inbox and artifacts may be missing. `write`: they are made. `create`: no workspace is needed yet. */
export type Access = 'read' | 'write' | 'create';

/** Opens a folder with phasebox.yaml or .phasebox/. Throws CommandError 2 (not valid) or 3 (not a workspace). */
export async function openWorkspace(folder: string, access: Access): Promise<Workspace> {
  const root = resolve(folder);
  if (!(await isFolder(root)))
    throw new CommandError(3, `${root} is not a folder. Give an existing one with --workspace.`);
  const { config, warnings } = await readConfig(root);
  const workspace: Workspace = {
    root,
    config,
    inbox: absolutePath(config.inbox, root),
    artifacts: absolutePath(config.artifacts, root),
    state: join(root, '.phasebox'),
    warnings: [...warnings, ...(await leftBehind(root, config))],
  };
  if (access !== 'create' && !(await isWorkspace(root))) throw new CommandError(3, await notAWorkspace(root));
  if (access !== 'read')
    for (const path of [workspace.inbox, workspace.artifacts, join(workspace.state, 'log')])
      await mkdir(path, { recursive: true });
  return workspace;
}

const isWorkspace = async (folder: string): Promise<boolean> =>
  (await isFolder(join(folder, '.phasebox'))) ||
  (await lstat(join(folder, 'phasebox.yaml')).catch(() => null)) !== null;

/** A wrong `cd` must not lead to an empty night, so a workspace further up is named and not used. */
async function notAWorkspace(root: string): Promise<string> {
  const advice = 'Make it one with `phasebox init`, or give another with --workspace.';
  for (let above = dirname(root); above !== dirname(above); above = dirname(above))
    if (await isWorkspace(above))
      return `${root} is not a phasebox workspace, but ${above} is one. Run the command there, or: --workspace ${shellWord(above)}`;
  return `${root} is not a phasebox workspace. ${advice}`;
}

/** A workspace, or the default settings outside of one. */
type OpenedFolder =
  | { readonly workspace: Workspace; readonly config: WorkspaceConfig }
  | { readonly workspace: null; readonly config: WorkspaceConfig; readonly problem: string };

/** For commands that also work outside of a workspace. Throws CommandError 2 if phasebox.yaml is not valid. */
export async function openFolder(folder: string): Promise<OpenedFolder> {
  try {
    const workspace = await openWorkspace(folder, 'read');
    return { workspace, config: workspace.config };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 3) throw error;
    const { config } = await readConfig(resolve(folder));
    return { workspace: null, config, problem: error.message };
  }
}

/** Folders named `~` that earlier versions made in the workspace instead of using the home folder. */
async function leftBehind(root: string, config: WorkspaceConfig): Promise<string[]> {
  const warnings: string[] = [];
  for (const key of ['inbox', 'artifacts'] as const) {
    const [literal, meant] = [resolve(root, config[key]), absolutePath(config[key], root)];
    if (literal === meant || !(await isFolder(literal))) continue;
    warnings.push(
      `${key}: ${config[key]} means ${meant}. An earlier version used ${literal}, which still exists: move what you need out of it, then remove it.`,
    );
  }
  return warnings;
}

interface ConfigRead {
  readonly config: WorkspaceConfig;
  readonly warnings: readonly string[];
}

async function readConfig(root: string): Promise<ConfigRead> {
  const path = join(root, 'phasebox.yaml');
  const { config, ...read } = parseConfig((await readText(path)) ?? '', path);
  const { PHASEBOX_PYTHON, REDIS_URL } = process.env;
  const env = {
    ...(PHASEBOX_PYTHON ? { python: PHASEBOX_PYTHON } : {}),
    ...(REDIS_URL ? { redis_url: REDIS_URL } : {}),
  };
  return { ...read, config: { ...config, ...env } };
}

/** A file with only comments, as `init` may leave it, sets nothing. */
const saysNothing = (text: string): boolean => text.split('\n').every((line) => /^\s*(#.*)?$/.test(line));

function parseConfig(text: string, path: string): ConfigRead {
  if (saysNothing(text)) return { config: workspaceConfig.parse({}), warnings: [] };
  const yaml = readYaml(text, path);
  if (!yaml.ok) throw new CommandError(2, formatProblems(path, yaml.problems).trimEnd());
  const { value, ...old } = withoutInFlight(yaml.source.value);
  const nulls = readNulls({ ...yaml.source, value }, { schema: workspaceConfig });
  const findings = [...old.findings, ...nulls.findings, ...findIssues(workspaceConfig, nulls.value)];
  const problems = locate(findings, [yaml.source]);
  if (problems.length > 0) throw new CommandError(2, formatProblems(path, problems).trimEnd());
  return { config: workspaceConfig.parse(nulls.value), warnings: [...old.warnings, ...nulls.warnings] };
}

/** Versions up to 0.2.0 had the key `in_flight`: how many runs may be started at the same time. */
function withoutInFlight(yaml: Mapping): { value: Mapping; findings: Finding[]; warnings: string[] } {
  if (!Object.hasOwn(yaml, 'in_flight')) return { value: yaml, findings: [], warnings: [] };
  const { in_flight: seen, ...value } = yaml;
  if (seen === 1 || seen === null)
    return { value, findings: [], warnings: ['in_flight: one run is started at a time, so this key may be deleted'] };
  const message =
    'one run is started at a time: only one can use the GPU, and two would be measured in turns; delete this key';
  return { value, findings: [{ path: ['in_flight'], message, seen }], warnings: [] };
}
