import { join } from 'node:path';
import type { StageName } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import type { RunDraft, RunPlan } from '../config/lookups.ts';
import { files, toolEnv } from '../mlx/mlx-argv.ts';
import { printable } from '../printable.ts';
import { chatRequest, maxTokens } from '../score/chat.ts';
import { promptDateVariable } from '../score/rendering.ts';
import { engineLines } from './engine-script.ts';
import { type SelectSuite, selectChecks, selectFunctions, selectLines } from './select-script.ts';
import { hereDocument, place, shellLine, shellWord } from './shell.ts';
import { cleanedUp, judgedModel, madeIn, type Places, savedIn, stageCommands } from './stage-commands.ts';

export interface ScriptRun {
  readonly draft: RunDraft;
  readonly suite: Suite;
  /** The prompts that choose a checkpoint; null: no suite does. */
  readonly select: SelectSuite | null;
  /** The run's environment of its own process and peak of its folder (bytes); null: not known. */
  readonly peak: number | null;
}

export interface ScriptPlan {
  readonly phase: string;
  readonly title: string | null;
  readonly runs: readonly ScriptRun[];
  /** Folder of the base model, or the hub id to fetch (with its revision); null: no base is needed. */
  readonly model: { readonly folder: string } | { readonly hub: string; readonly revision: string | null } | null;
  /** The workspace's root: where preflight commands run, as in `up`. */
  readonly root: string;
  readonly python: string;
  readonly driver: (name: string) => string;
  /** Folder of an accepted run that one of these starts from. */
  readonly acceptedRun: (id: string) => string;
  readonly plans: ReadonlyMap<string, RunPlan>;
  /** What chat templates read off the clock (2026-11-28): the script asks the same prompts on every day. */
  readonly date: string;
}

const work = 'work';
const model = 'model';

/** Losses that are not finite, in both of mlx_lm's formats: it would train on for hours and exit with 0. */
const notFinite = '(loss|val) +[-+]?(nan|inf)|^ +[0-9]+ +[-+]?(nan|inf) ';

const functions = `die() { printf '%s\\n' "$*" >&2; exit 1; }

# A tool's output goes to the screen and into log.txt.
run() { printf '$ %s\\n' "$*"; "$@" 2>&1 | tee -a log.txt; }

# Preflight commands run where the paths in a config start.
in_workspace() { printf '$ %s\\n' "$*"; (cd "$workspace" && "$@") 2>&1 | tee -a log.txt; }

# The profile of the data check lists reasons not to train.
no_stops() { "$python" -c 'import json, sys
stops = json.load(open(sys.argv[1]))["stops"]
sys.exit("\\n".join(stop["message"] for stop in stops) or 0)' "$1"; }

# mlx_lm goes on with a loss that is no number.
finite() {
  if sed $'s/\\x1b\\\\[[0-9;]*m//g' "$1" | grep -Ei '${notFinite}' >/dev/null; then die "the loss is not finite: see $PWD/$1"; fi
}

# Every safetensors file is as long as its header says.
whole() { "$python" -c 'import pathlib, sys
from safetensors import safe_open
files = sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors"))
for file in files:
    with safe_open(file, "np"):
        pass
sys.exit(0 if files else f"no safetensors file in {sys.argv[1]}")' "$1"; }`;

function places(plan: ScriptPlan): Places {
  const own = new Set(plan.runs.map(({ draft }) => draft.run));
  const source = plan.model === null ? '' : 'hub' in plan.model ? plan.model.hub : plan.model.folder;
  return {
    python: place('python'),
    driver: plan.driver,
    model: place(model),
    modelName: source,
    run: (id) => (own.has(id) ? place(work, `/${id}`) : plan.acceptedRun(id)),
    plans: plan.plans,
  };
}

function questions(draft: RunDraft, suite: Suite): string {
  const { eval: settings } = draft.settings;
  const list = Array.from({ length: settings.repeats }, (_, repeat) =>
    suite.prompts.map((prompt) => {
      const { body } = chatRequest({ prompt, seed: null }, suite, settings);
      return { prompt: prompt.id, repeat, max_tokens: maxTokens(prompt, settings), body };
    }),
  ).flat();
  const { timeout_s, retries, temperature } = settings;
  const head = JSON.stringify({ seed: draft.seed, timeout_s, retries, sampled: temperature > 0 }).slice(0, -1);
  return `${head}, "questions": [\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]}\n`;
}

function evalLines(run: ScriptRun, plan: ScriptPlan, at: Places, prepare: readonly (readonly string[])[]): string[] {
  const { engine } = run.draft.settings.eval;
  if (engine !== undefined) return engineLines(engine, judgedModel(run.draft, at));
  const judged = judgedModel(run.draft, at);
  const adapter = judged.adapter === null ? [] : ['--adapter-path', judged.adapter];
  const argv = [at.python, plan.driver('ask'), '--model', judged.model, ...adapter];
  const { suite } = run.draft.settings.eval;
  const score = ['score', '--suite', suite, '--answers', 'answers.jsonl'];
  return [
    ...prepare.map(shellLine),
    hereDocument('questions.json', questions(run.draft, run.suite)),
    `run ${shellLine([...argv, '--questions', 'questions.json', '--out', 'answers.jsonl', '--log', 'server.txt'])}`,
    `if command -v "\${phasebox%% *}" >/dev/null; then`,
    // Unquoted on purpose: PHASEBOX may be two words, as "node dist/phasebox.js".
    `  $phasebox ${shellLine(score)} | tee score.txt`,
    `  $phasebox ${shellLine([...score, '--json'])} >score.json`,
    'else',
    `  echo "not scored: set PHASEBOX to the command phasebox, then: $phasebox ${shellLine(score).replaceAll('"', '\\"')}"`,
    'fi',
  ];
}

/** The commands before the one that serves the model. */
const preparing = (commands: readonly (readonly string[])[], plan: ScriptPlan) =>
  commands.slice(
    0,
    commands.findIndex((argv) => argv.includes(plan.driver('serve'))),
  );

function cleanupLines(run: RunDraft, at: Places): string[] {
  const { floats, checkpoints } = cleanedUp(run);
  const made = (stage: StageName, ...rest: string[]): string => shellWord(join(madeIn(run, stage, at) ?? '', ...rest));
  return [
    ...(floats ? [`whole ${made('quantize', files.model)}`, `rm -r ${made('fuse', files.model)}`] : []),
    ...(checkpoints ? dropLines(run, made('train', files.adapter)) : []),
  ];
}

/** A checkpoint that a select stage took stays under its own name too, as in `up`. */
function dropLines(run: RunDraft, adapter: string): string[] {
  const all = `${adapter}/[0-9]*_adapters.safetensors`;
  if (!run.chain.includes('select')) return [`rm -f ${all}`];
  return [`for file in ${all}; do`, '  [ "$file" = "$chosen" ] || rm -f "$file"', 'done'];
}

function selected({ draft, select }: ScriptRun, lines: readonly string[], at: Places): string[] {
  const asked = select === null ? null : { ...select, questions: questions(draft, select.suite) };
  const measured = draft.settings.select.by === 'val_loss' && savedIn(draft, at).saved.length > 1;
  return [...(measured ? lines : []), ...selectLines(draft, asked, at), `whole ${files.adapter}`];
}

function stageLines(run: ScriptRun, plan: ScriptPlan, at: Places): string[] {
  return stageCommands(run.draft, at).flatMap(({ stage, folder, files: inputs, commands }) => {
    const preflights = stage === 'train' ? run.draft.preflight.length : 0;
    const lines = commands.map((argv, index) => `${index < preflights ? 'in_workspace' : 'run'} ${shellLine(argv)}`);
    const [check, ...rest] = stage === 'train' ? lines.toReversed() : [];
    const body: Partial<Record<StageName, string[]>> = {
      train: [
        ...rest.toReversed(),
        `no_stops ${files.profile}`,
        ...(check === undefined ? [] : [check]),
        'finite log.txt',
        `whole ${files.adapter}`,
      ],
      ...(stage === 'select' && { select: selected(run, lines, at) }),
      cleanup: cleanupLines(run.draft, at),
      // What fusing cost is left out: it changes no model and no score.
      eval: evalLines(run, plan, at, preparing(commands, plan)),
    };
    return [
      '',
      `# ${run.draft.run}: ${stage}`,
      `echo "== ${run.draft.run}: ${stage}"`,
      `mkdir -p ${shellWord(folder)}`,
      `cd ${shellWord(folder)}`,
      ...inputs.map(({ name, text }) => hereDocument(name, text)),
      ...(body[stage] ?? [...lines, `whole ${files.model}`]),
    ];
  });
}

function modelLines(plan: ScriptPlan): string[] {
  if (plan.model === null) return [];
  if ('folder' in plan.model) {
    return [
      `${model}=${shellWord(plan.model.folder)}`,
      `[ -f "$${model}/config.json" ] || die "the base model is not here: $${model}"`,
    ];
  }
  const { hub, revision } = plan.model;
  const fetch = 'import sys; from huggingface_hub import snapshot_download; print(snapshot_download(*sys.argv[1:]))';
  const call = revision === null ? fetch : fetch.replace('*sys.argv[1:]', 'sys.argv[1], revision=sys.argv[2]');
  const argv = [place('python'), '-c', call, hub, ...(revision === null ? [] : [revision])];
  return ['# Fetched once into the cache of the Hub; the tools below stay offline.', `${model}=$(${shellLine(argv)})`];
}

function checks(plan: ScriptPlan): string[] {
  const peak = Math.max(0, ...plan.runs.map((run) => run.peak ?? 0));
  const data = [
    ...new Set(
      plan.runs.flatMap(({ draft }) => (draft.chain.includes('train') && draft.data ? [draft.data.folder] : [])),
    ),
  ];
  return [
    ...selectChecks(plan.runs.map(({ select }) => select)),
    `[ ! -e "$${work}" ] || die "$${work} is there already: move it away, or remove it"`,
    ...data.map((folder) => {
      const [train, valid] = ['train', 'valid'].map((name) => shellWord(join(folder, `${name}.jsonl`)));
      return `[ -s ${train} ] && [ -s ${valid} ] || die ${shellWord(`train.jsonl or valid.jsonl is missing in ${folder}`)}`;
    }),
    `free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')`,
    `[ "$free_kb" -ge ${Math.ceil(peak / 1024)} ] || die "not enough disk space: $free_kb KB free, ${Math.ceil(peak / 1024)} KB needed"`,
  ];
}

/** The whole phase as a bash script that runs by itself and makes the same models. */
export function planScript(plan: ScriptPlan): string {
  const at = places(plan);
  const tools = { ...toolEnv(plan.runs[0]?.draft.env ?? {}), [promptDateVariable]: plan.date };
  const env = Object.entries(tools).map(([name, value]) => `export ${name}=${shellWord(value)}`);
  const title = plan.title === null ? '' : `: ${printable(plan.title.replaceAll(/\s+/g, ' '))}`;
  const lines = [
    '#!/usr/bin/env bash',
    `# Phase ${plan.phase}${title}`,
    '# Made by `phasebox plan --sh`. Runs by itself; everything it makes is in the folder $work.',
    'set -euo pipefail',
    '',
    `workspace=${shellWord(plan.root)}`,
    `python=${shellWord(plan.python)}`,
    `phasebox=\${PHASEBOX:-phasebox}`,
    `${work}=$PWD/${plan.phase}-by-hand`,
    functions,
    ...(plan.runs.some(({ draft }) => draft.chain.includes('select')) ? [selectFunctions] : []),
    '',
    ...checks(plan),
    ...modelLines(plan),
    ...env,
    `mkdir "$${work}"`,
    ...plan.runs.flatMap((run) => stageLines(run, plan, at)),
    '',
    `echo "done: $${work}"`,
  ];
  return `${lines.join('\n')}\n`;
}
