import { basename, join } from 'node:path';
import { completeTrain } from '../../events/stages/train.ts';
import type { Settings } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import { plural } from '../format.ts';
import { canonicalJson } from '../json.ts';
import { visible } from '../printable.ts';
import { messagesOf, systemPrompt } from '../score/chat.ts';
import type { SuiteReader } from './check-settings.ts';
import type { Lookups, RunDraft } from './lookups.ts';
import { type Checked, type Finding, nothingFound, together } from './problem.ts';
import { type RowNames, type ScannedFile, squeezed, type Turn, turnOf } from './scan-rows.ts';

/** Milliseconds for the data of a phase. The check before training reads all of it. */
const limit_ms = 1000;
const mostNamed = 3;

/**
 * What mlx_lm would refuse in the data of these runs, and what of their suites makes a score doubtful: a prompt that is
 * trained on, a system prompt that is not. Throws errors of the disk.
 */
export async function checkRows(
  runs: readonly RunDraft[],
  lookups: Pick<Lookups, 'look' | 'rows'>,
  suites: Pick<SuiteReader, 'read'>,
): Promise<Checked> {
  const trained = runs.filter(({ data, chain }) => data !== null && chain.includes('train'));
  // The seeds of a variant, and variants with the same data and suite, are checked once.
  const distinct = new Map(trained.map((run) => [canonicalJson(keyOf(run)), run]));
  const checked: Checked[] = [];
  for (const run of distinct.values()) checked.push(await checkRun(run, lookups, suites));
  const { findings, warnings } = together(...checked);
  const byText = new Map(findings.map((finding) => [finding.message, finding]));
  return { findings: [...byText.values()], warnings: [...new Set(warnings)] };
}

function keyOf(run: RunDraft): Record<string, unknown> {
  const { suite, system = null, engine = null } = run.settings.eval;
  return { names: namesOf(run), batch: completeTrain(run)?.batch_size, suite, system, engine };
}

function namesOf({ settings: { train } }: RunDraft): RowNames {
  const named = (kind: string, usual: string): string => {
    const key = train?.[`${kind}_feature`];
    return typeof key === 'string' ? key : usual;
  };
  return {
    chat: named('chat', 'messages'),
    prompt: named('prompt', 'prompt'),
    completion: named('completion', 'completion'),
    text: named('text', 'text'),
  };
}

async function checkRun(
  run: RunDraft,
  lookups: Pick<Lookups, 'look' | 'rows'>,
  suites: Pick<SuiteReader, 'read'>,
): Promise<Checked> {
  const { data } = run;
  if (data === null) return nothingFound;
  const files = await presentFiles(data.folder, lookups);
  // A missing or empty file is reported elsewhere.
  if (files.length < 2) return nothingFound;
  const found = await suites.read(run.settings.eval.suite);
  const suite = 'suite' in found && run.settings.eval.engine === undefined ? found.suite : null;
  const prompts = suite === null ? [] : suite.prompts.map(turnsOf);
  const read = await lookups.rows({ paths: files, names: namesOf(run), prompts, limit_ms });
  const at = { path: ['data'], seen: data.source, absent: true } as const;
  if ('message' in read) return { findings: [{ ...at, message: read.message }], warnings: [] };
  const batch = completeTrain(run)?.batch_size ?? 1;
  const findings = read.flatMap((file, index): Finding[] => {
    const path = files[index] ?? '';
    const few = file.whole && file.broken === 0 && file.lines < batch && basename(path) !== 'test.jsonl';
    return [
      ...(file.first === null ? [] : [{ ...at, ...notJson(path, file, file.first) }]),
      ...(few ? [{ ...at, ...tooFew(path, file.lines, batch) }] : []),
    ];
  });
  const [train] = read;
  if (suite === null || train === undefined) return { findings, warnings: [] };
  const sent = systemsSent(suite, run.settings.eval);
  return { findings, warnings: [...known(suite, train), ...(train.whole ? unknownSystem(sent, train) : [])] };
}

async function presentFiles(folder: string, lookups: Pick<Lookups, 'look'>): Promise<string[]> {
  const present: string[] = [];
  for (const name of ['train.jsonl', 'valid.jsonl', 'test.jsonl']) {
    const entry = await lookups.look(join(folder, name));
    if (entry?.kind === 'file' && entry.bytes > 0) present.push(join(folder, name));
    else if (name !== 'test.jsonl') return [];
  }
  return present;
}

function notJson(
  path: string,
  { broken }: ScannedFile,
  { line, seen, why }: NonNullable<ScannedFile['first']>,
): Pick<Finding, 'message' | 'hint'> {
  const count = broken === 1 ? '' : `, and ${plural(broken - 1, 'line')} more`;
  const text = seen === '' ? '' : ` (seen: ${visible(seen)})`;
  const message = `${path}, line ${line}: ${why}${text}${count}; mlx_lm reads every line as JSON`;
  return { message, hint: 'an example is one JSON object on one line; `phasebox data` checks all of them' };
}

function tooFew(path: string, rows: number, batch: number): Pick<Finding, 'message' | 'hint'> {
  const message = `${path} has ${plural(rows, 'example')}, fewer than one batch (batch_size ${batch}), which mlx_lm refuses`;
  return { message, hint: `add examples, or write \`batch_size: ${rows}\` or less` };
}

/** A prompt's whole conversation without its system prompt. Empty if it is not only text. */
function turnsOf(prompt: Suite['prompts'][number]): Turn[] {
  const turns = messagesOf(prompt, null)
    .filter(({ role }) => role !== 'system')
    .map(turnOf);
  return turns.includes(null) ? [] : turns.filter((turn) => turn !== null);
}

/** A prompt that the model was trained on measures its memory. */
function known({ prompts }: Suite, { asked }: ScannedFile): string[] {
  if (asked.length === 0) return [];
  const named = asked.slice(0, mostNamed).map(({ prompt, line }) => `${prompts[prompt]?.id} on line ${line}`);
  const more = asked.length > mostNamed ? ', ...' : '';
  return [
    `eval.suite: train.jsonl asks ${asked.length} of its ${plural(prompts.length, 'prompt')} (${named.join(', ')}${more}), so their scores may show what was memorized`,
  ];
}

/** The system prompts that the eval sends: the prompts' own, or that of the phase or suite. */
function systemsSent(suite: Suite, settings: Settings<'eval'>): string[] {
  const system = systemPrompt(suite, settings);
  const firsts = suite.prompts.map((prompt) => messagesOf(prompt, system)[0]);
  return firsts.flatMap((first) =>
    first?.role === 'system' && typeof first.content === 'string' ? squeezed(first.content) : [],
  );
}

function unknownSystem(sent: readonly string[], { systems }: ScannedFile): string[] {
  if (systems === null || sent.every((system) => systems.includes(system))) return [];
  const seen = systems.length === 0 ? 'they have none' : `they have ${plural(systems.length, 'other')}`;
  return [
    `eval.suite: no example in train.jsonl has the system prompt that the eval sends; ${seen}. The model may answer differently than it was trained`,
  ];
}
