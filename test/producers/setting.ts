import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { RunDraft } from '../../src/core/config/lookups.ts';
import { runId, seedList } from '../../src/core/config/plan-runs.ts';
import type { Submission } from '../../src/events/request.ts';
import { cleanupSettings } from '../../src/events/stages/cleanup.ts';
import { evalSettings } from '../../src/events/stages/eval.ts';
import { fuseSettings } from '../../src/events/stages/fuse.ts';
import { selectSettings } from '../../src/events/stages/select.ts';
import { workspaceConfig } from '../../src/events/workspace.ts';
import { acceptanceNumbers, diskStore, type StoreFs } from '../../src/io/artifacts/phase-store.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import {
  type Acceptance,
  type AcceptContext,
  acceptConfig,
  type ConfigFile,
  type PlanReader,
} from '../../src/producers/accept.ts';
import { type Inbox, watchInbox } from '../../src/producers/inbox.ts';
import type { InboxResult } from '../../src/producers/intake.ts';
import { prepareFiles } from '../../src/producers/submission.ts';
import { tempDir } from '../helpers/temp.ts';

/** A workspace in a fresh folder, as `phasebox init` leaves it. */
export async function freshWorkspace(): Promise<Workspace> {
  const root = await tempDir('producers');
  const workspace: Workspace = {
    root,
    config: workspaceConfig.parse({}),
    inbox: join(root, 'inbox'),
    artifacts: join(root, 'artifacts'),
    state: join(root, '.phasebox'),
  };
  for (const folder of [workspace.inbox, workspace.artifacts, workspace.state]) await mkdir(folder);
  return workspace;
}

/**
 * The smallest reader of configs that keeps the contract of `PlanReader`: `phase`, `seeds`, `variants`, anything else is
 * a setting; `baseline` must be known (accepted earlier in the same drop). What the real one refuses is its own test.
 */
export const readPlain: PlanReader = async (bytes, file, earlier = []) => {
  const value = parsed(bytes);
  const phase = value?.phase;
  if (value === null || typeof phase !== 'string' || phase === '')
    return { ok: false, reasons: `${file} is not accepted: phase is missing\n` };
  if (typeof value.baseline === 'string' && !earlier.some((one) => one.phase === value.baseline))
    return { ok: false, reasons: `${file} is not accepted: baseline ${value.baseline} is not known\n` };
  const seeds = seedList(value.seeds);
  const variants = Object.keys((value.variants as object | undefined) ?? {});
  const runs = seeds.flatMap((seed, index) => {
    const k = seeds.slice(0, index + 1).filter((one) => one === seed).length;
    return [null, ...variants].map((variant) => draft({ phase, seed, k, variant }, value));
  });
  return { ok: true, plan: { phase, config: { ...value, seeds }, runs, warnings: [] } };
};

/** The same, which knows the phases that were accepted here. */
const readIn =
  ({ artifacts }: Workspace): PlanReader =>
  async (bytes, file, earlier = []) => {
    const accepted = (await readdir(artifacts)).map((phase) => ({ phase, config: {}, runs: [] }));
    return readPlain(bytes, file, [...earlier, ...accepted]);
  };

function parsed(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

interface Name {
  readonly phase: string;
  readonly seed: number;
  readonly k: number;
  readonly variant: string | null;
}

function draft({ phase, seed, k, variant }: Name, value: Record<string, unknown>): RunDraft {
  return {
    run: runId(phase, { seed, k }, variant),
    phase,
    seed,
    variant,
    title: (value.title as string | undefined) ?? null,
    hypothesis: null,
    model: { source: 'm', folder: null, revision: null, download: false },
    data: { source: 'd', folder: '/d' },
    min_rows: {},
    from: null,
    chain: ['train', 'fuse', 'cleanup', 'eval'],
    settings: {
      train: (value.train as Record<string, unknown> | undefined) ?? {},
      select: selectSettings.parse({}),
      fuse: fuseSettings.parse({}),
      cleanup: cleanupSettings.parse({}),
      eval: evalSettings.parse({ suite: '/suite.yaml' }),
    },
    criteria: null,
    baseline: null,
    env: (value.env as Record<string, string> | undefined) ?? {},
    preflight: [],
    cooldown_s: 0,
  };
}

/** Accepting with nothing injected. `runs` collects what the bus would be told. */
export function acceptInto(workspace: Workspace): AcceptContext & { readonly runs: string[] } {
  const runs: string[] = [];
  return {
    artifacts: workspace.artifacts,
    read: readIn(workspace),
    numbers: acceptanceNumbers(workspace.artifacts),
    onAccepted: ({ newRuns }) => void runs.push(...newRuns.map(({ run }) => run)),
    runs,
  };
}

/** Accepts what a command submits, with or without an inbox that is watched. */
export function inboxOptions(workspace: Workspace, context = acceptInto(workspace)) {
  return {
    workspace,
    accept: (file: ConfigFile) => acceptConfig(file, context),
    prepare: (submission: Submission) => prepareFiles(submission, { workspace, read: readIn(workspace) }),
    log: { info: () => undefined, warn: () => undefined },
  };
}

/** An inbox that is closed after the test. */
export interface OpenInbox extends Inbox {
  readonly runs: readonly string[];
  readonly outcomes: readonly InboxResult[];
  readonly log: readonly string[];
  /** Names in a folder of the inbox, sorted; its own folders and hidden files left out. */
  names(folder?: 'accepted' | 'rejected' | '.claimed' | '.'): Promise<string[]>;
  reasons(file: string): Promise<string>;
}

const open: Inbox[] = [];

/** A real inbox on a real folder. */
export function openInboxOf(
  workspace: Workspace,
  options: { events?: boolean; scanEvery?: number } = {},
  accept?: (file: ConfigFile) => Promise<Acceptance>,
): OpenInbox {
  const context = acceptInto(workspace);
  const outcomes: InboxResult[] = [];
  const log: string[] = [];
  const inbox = watchInbox({
    ...inboxOptions(workspace, context),
    ...(accept === undefined ? {} : { accept }),
    log: { info: (text) => void log.push(text), warn: (text) => void log.push(text) },
    onOutcome: (outcome) => void outcomes.push(outcome),
    ...options,
  });
  open.push(inbox);
  return {
    ...inbox,
    runs: context.runs,
    outcomes,
    log,
    names: (folder = '.') => namesIn(join(workspace.inbox, folder)),
    reasons: (file) => readFile(join(workspace.inbox, 'rejected', `${file}.reasons.txt`), 'utf8'),
  };
}

/** Names in a folder, sorted; hidden ones and the inbox's own folders left out. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => !name.startsWith('.') && name !== 'accepted' && name !== 'rejected').sort();
}

/** Called in `afterEach` of the tests that open inboxes. */
export async function closeInboxes(): Promise<void> {
  for (const inbox of open.splice(0)) await inbox.close();
}

/** Does what the disk does, but dies before its n-th call and at every one after. */
export function dyingAt(n: number): StoreFs {
  let calls = 0;
  const step = async (work: () => Promise<void>): Promise<void> => {
    calls += 1;
    if (calls >= n) throw Object.assign(new Error('the power went out'), { code: 'EIO' });
    await work();
  };
  return {
    remove: (path) => step(() => diskStore.remove(path)),
    makeFolder: (path) => step(() => diskStore.makeFolder(path)),
    write: (path, text) => step(() => diskStore.write(path, text)),
    rename: (from, to) => step(() => diskStore.rename(from, to)),
    syncFolder: (path) => step(() => diskStore.syncFolder(path)),
  };
}
