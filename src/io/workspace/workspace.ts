import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readNulls } from '../../core/config/nulls.ts';
import { formatProblems, locate } from '../../core/config/problem.ts';
import { readYaml } from '../../core/config/read-yaml.ts';
import { findIssues } from '../../core/config/validate.ts';
import { CommandError } from '../../core/errors.ts';
import { type WorkspaceConfig, workspaceConfig } from '../../events/workspace.ts';
import { readText } from '../disk/files.ts';
import { absolutePath } from '../home.ts';

/** The folder with inbox, artifacts and phasebox.yaml. All paths absolute; `state` is .phasebox/. */
export interface Workspace {
  readonly root: string;
  readonly config: WorkspaceConfig;
  readonly inbox: string;
  readonly artifacts: string;
  readonly state: string;
  /** What is doubtful in phasebox.yaml. */
  readonly warnings?: readonly string[];
}

/**
 * Opens a workspace. `create` makes its folders (up, submit, init); without it a folder that has no .phasebox/ is refused,
 * and inbox and artifacts may be missing.
 * Throws CommandError 2 (phasebox.yaml is wrong) or 3 (no such folder, no workspace).
 */
export async function openWorkspace(folder: string, options: { readonly create: boolean }): Promise<Workspace> {
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
  if (!options.create && !(await isFolder(workspace.state))) {
    throw new CommandError(
      3,
      `${root} is no phasebox workspace. Make it one with \`phasebox init\`, or give another with --workspace.`,
    );
  }
  if (options.create)
    for (const path of [workspace.inbox, workspace.artifacts, join(workspace.state, 'log')])
      await mkdir(path, { recursive: true });
  return workspace;
}

/** A workspace, or the settings that hold where there is none. */
type OpenedFolder =
  | { readonly workspace: Workspace; readonly config: WorkspaceConfig }
  | { readonly workspace: null; readonly config: WorkspaceConfig; readonly problem: string };

/** For commands that work outside of a workspace too. Throws CommandError 2 when phasebox.yaml is wrong. */
export async function openFolder(folder: string): Promise<OpenedFolder> {
  try {
    const workspace = await openWorkspace(folder, { create: false });
    return { workspace, config: workspace.config };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 3) throw error;
    const { config } = await readConfig(resolve(folder));
    return { workspace: null, config, problem: error.message };
  }
}

/** Folders named `~` that versions before this one made in the workspace, instead of using the home folder. */
async function leftBehind(root: string, config: WorkspaceConfig): Promise<string[]> {
  const warnings: string[] = [];
  for (const key of ['inbox', 'artifacts'] as const) {
    const [literal, meant] = [resolve(root, config[key]), absolutePath(config[key], root)];
    if (literal === meant || !(await isFolder(literal))) continue;
    warnings.push(
      `${key}: ${config[key]} means ${meant}. An earlier version used ${literal}, which is still there: move what you need out of it, then remove it.`,
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

/** A file of comments alone, as `init` may leave it, sets nothing. */
const saysNothing = (text: string): boolean => text.split('\n').every((line) => /^\s*(#.*)?$/.test(line));

function parseConfig(text: string, path: string): ConfigRead {
  if (saysNothing(text)) return { config: workspaceConfig.parse({}), warnings: [] };
  const yaml = readYaml(text, path);
  if (!yaml.ok) throw new CommandError(2, formatProblems(path, yaml.problems).trimEnd());
  const nulls = readNulls(yaml.source, { schema: workspaceConfig });
  const problems = locate([...nulls.findings, ...findIssues(workspaceConfig, nulls.value)], [yaml.source]);
  if (problems.length > 0) throw new CommandError(2, formatProblems(path, problems).trimEnd());
  return { config: workspaceConfig.parse(nulls.value), warnings: nulls.warnings };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
