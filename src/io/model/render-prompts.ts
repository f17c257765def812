import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import * as z from 'zod';
import { messageOf } from '../../core/errors.ts';
import { canonicalJson, parsedOrNull } from '../../core/json.ts';
import { toolEnv } from '../../core/mlx/python.ts';
import { type Rendered, type RenderJob, rendering } from '../../core/score/rendering.ts';
import { listNames, readText, writeWhole } from '../disk/files.ts';
import { textHash } from '../disk/hash.ts';
import { ifDamaged } from '../disk/own-file.ts';
import { driverPath } from '../host/package-root.ts';
import { contentHash } from '../thread/content-hash.ts';
import { readFacts } from './facts.ts';

/** Which Python renders, and for which date. */
export interface Renderer {
  /** The user's Python. */
  readonly python: string;
  /** UTC date, 2026-11-28: the date that templates see. */
  readonly date: string;
  /** Environment variables of the config. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of earlier results, or null if nothing is kept on disk. */
  readonly kept: string | null;
  /** If false, `kept` is only read. */
  readonly keeps: boolean;
}

/** The workspace's cache of rendered prompts. It may be deleted at any time. */
export const renderedFolder = (state: string): string => join(state, 'prompts');

/** A tokenizer loads in seconds. A Python that takes this long hangs. */
const longest_ms = 120_000;

const known = new Map<string, Rendered>();
/** An `up` lives for months. What it forgets is read from disk. */
const mostKnown = 200;

/** Renders prompts, one result per job. One Python is started for all that are not in the cache (2 s). Never throws. */
export async function renderPrompts(jobs: readonly RenderJob[], renderer: Renderer): Promise<Rendered[]> {
  try {
    const { versions } = await readFacts(renderer.python);
    const keys = await Promise.all(jobs.map((job) => keysOf(job, renderer, versions)));
    const before = await Promise.all(keys.map((one) => recall(one, renderer)));
    const open = jobs.filter((_, index) => before[index] === null);
    const fresh = open.length === 0 ? [] : await ask(open, renderer);
    const answers = jobs.map((job, index) => before[index] ?? fresh[open.indexOf(job)] ?? failed('no answer'));
    await Promise.all(keys.map((one, index) => keep(one, answers[index], renderer)));
    return answers;
  } catch (error) {
    return jobs.map(() => failed(messageOf(error)));
  }
}

const failed = (why: string): Rendered => ({ ok: false, failed: why });

/** Where a result is kept: only a template that uses the clock gives another one on another day. */
interface Keys {
  readonly anyDay: string;
  readonly thisDay: string;
}

/** Everything that determines a prompt. The weights do not. */
async function keysOf(job: RenderJob, { python, date }: Renderer, versions: object): Promise<Keys> {
  const by = await contentHash(driverPath('render_prompts'));
  const names = (await listNames(job.model)).filter((name) => tokenizerFile.test(name)).sort();
  const files = await Promise.all(names.map(async (name) => [name, await contentHash(join(job.model, name))]));
  const all = { by, python, versions, files, requests: job.requests };
  return { anyDay: textHash(canonicalJson(all)), thisDay: textHash(canonicalJson({ ...all, date })) };
}

const tokenizerFile = /(?<!\.index)\.(?:json|jsonl|jinja|model|txt|tiktoken|py)$/;

const fileOf = (folder: string, key: string): string => join(folder, `${key.slice(0, 32)}.json`);

async function recall({ anyDay, thisDay }: Keys, { kept }: Renderer): Promise<Rendered | null> {
  for (const key of [anyDay, thisDay]) {
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const read = kept === null ? null : await readText(fileOf(kept, key)).catch(ifDamaged(null));
    const found = parsedOrNull(rendering, read);
    if (found !== null) return { ok: true, rendering: found };
  }
  return null;
}

/** A failure is not kept, since its cause may be fixed the next time. */
async function keep(keys: Keys, answer: Rendered | undefined, { kept, keeps }: Renderer): Promise<void> {
  if (answer?.ok !== true) return;
  const key = answer.rendering.dated === null ? keys.anyDay : keys.thisDay;
  if (known.has(key)) return;
  const [oldest] = known.keys();
  if (oldest !== undefined && known.size >= mostKnown) known.delete(oldest);
  known.set(key, answer);
  if (kept === null || !keeps) return;
  const file = fileOf(kept, key);
  // A cache: where it cannot be written, the next process renders again.
  await mkdir(dirname(file), { recursive: true })
    .then(() => writeWhole(file, `${JSON.stringify(answer.rendering)}\n`))
    .catch(() => undefined);
}

const answerList = z.array(z.union([rendering, z.strictObject({ failed: z.string() })]));

async function ask(jobs: readonly RenderJob[], { python, date, env = {} }: Renderer): Promise<Rendered[]> {
  const ended = await execa(python, [driverPath('render_prompts')], {
    input: JSON.stringify({ date, jobs }),
    env: toolEnv(env),
    timeout: longest_ms,
    reject: false,
  });
  const answers = parsedOrNull(answerList, ended.stdout);
  if (ended.failed || answers === null) return jobs.map(() => failed(ended.failed ? lastLine(ended.stderr) : noAnswer));
  return answers.map((one) => ('failed' in one ? failed(one.failed) : { ok: true, rendering: one }));
}

const noAnswer = 'python/render_prompts.py gave no answer that can be read';
const lastLine = (text: string): string => text.trim().split('\n').at(-1) || noAnswer;
