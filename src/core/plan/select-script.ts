import { join } from 'node:path';
import type { Settings } from '../../events/stages.ts';
import type { Suite } from '../../events/suite.ts';
import type { RunDraft } from '../config/lookups.ts';
import { candidateFolder, files } from '../mlx/mlx-argv.ts';
import { canonicalJson } from '../score/eval-identity.ts';
import { hereDocument, shellLine, shellWord } from './shell.ts';
import { type Places, savedIn } from './stage-commands.ts';

/** The prompts that decide, as a script asks them. */
export interface SelectSuite {
  readonly suite: Suite;
  /** The suite's file, absolute; null: only some of its prompts decide, so that the script brings its own file. */
  readonly path: string | null;
}

/** The same with the questions made of them. */
export interface SelectQuestions extends SelectSuite {
  readonly questions: string;
}

/** Functions of the script; `best` is the rule of core/select/choose.ts. */
export const selectFunctions = `
# The iteration with the best figure, of equals the last. By score: ITERATION=FILE of \`phasebox score --json\` each.
best_score() { "$python" -c 'import json, sys
pairs = [one.split("=", 1) for one in sys.argv[2:]]
print(max((json.load(open(file))[sys.argv[1]], int(iteration)) for iteration, file in pairs)[1])' "$@"; }

# By loss: the lines that val_loss.py wrote.
best_loss() { "$python" -c 'import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
print(min((one["loss"], -one["iteration"], one["iteration"]) for one in lines if one["loss"] is not None)[2])' "$@"; }

# The chosen checkpoint as the adapter that goes on: ADAPTER-FOLDER ITERATION.
take() {
  chosen=$(printf '%s/%07d_adapters.safetensors' "$1" "$2")
  [ -f "$chosen" ] || chosen=$1/adapters.safetensors
  mkdir adapter
  cp "$1/adapter_config.json" adapter/
  cp "$chosen" adapter/adapters.safetensors
  echo "checkpoint $2 goes on"
}`;

/**
 * Said before anything is trained. By suite a script needs the command phasebox: only it can score answers, and without a
 * score every later stage would use an adapter that nobody chose.
 */
export function selectChecks(suites: readonly (SelectSuite | null)[]): string[] {
  const asked = suites.filter((one) => one !== null);
  const partly = asked.some(({ suite, path }) => path === null && suite.scorer !== undefined);
  return [
    ...(asked.length === 0 ? [] : [`command -v "\${phasebox%% *}" >/dev/null || die ${shellWord(needsPhasebox)}`]),
    ...(partly
      ? [`die ${shellWord('select.prompts of a suite with a scorer: phasebox does that, a script cannot')}`]
      : []),
  ];
}

const needsPhasebox = 'select.by: suite needs the command phasebox, which scores the answers: set PHASEBOX to it';

/** The lines of a select stage. */
export function selectLines(run: RunDraft, asked: SelectQuestions | null, at: Places): string[] {
  const { adapter, saved } = savedIn(run, at);
  const { by } = run.settings.select;
  const take = (best: string): string[] => [`iteration=$(${best})`, `take ${shellWord(adapter)} "$iteration"`];
  const [only, ...others] = saved;
  if (only !== undefined && others.length === 0)
    return ['# One checkpoint is saved: nothing to choose.', ...take(`echo ${only.iteration}`)];
  if (by !== 'suite' || asked === null) return take(`best_loss ${files.candidates}/${files.losses}`);
  const { score_by } = run.settings.eval;
  const scores = saved.map(({ iteration }) => `${iteration}=${join(candidateFolder(iteration), 'score.json')}`);
  const suite = asked.path ?? 'suite.yaml';
  return [
    ...(asked.path === null ? [hereDocument(suite, `${canonicalJson(asked.suite)}\n`)] : []),
    hereDocument('questions.json', asked.questions),
    ...saved.flatMap(({ iteration, file }) => candidateLines({ adapter, iteration, file, suite }, at)),
    ...take(`best_score ${figure(score_by)} ${shellLine(scores)}`),
  ];
}

const figure = (by: Settings<'eval'>['score_by']): string => (by === 'strict' ? 'strict' : 'overall');

interface Place {
  readonly adapter: string;
  readonly iteration: number;
  readonly file: string;
  readonly suite: string;
}

function candidateLines({ adapter, iteration, file, suite }: Place, at: Places): string[] {
  const folder = candidateFolder(iteration);
  const answers = join(folder, 'answers.jsonl');
  const ask = [at.python, at.driver('ask'), '--model', at.model, '--adapter-path', folder];
  const out = ['--questions', 'questions.json', '--out', answers, '--log', join(folder, 'server.txt')];
  return [
    `mkdir -p ${folder}`,
    `ln -sf ${shellWord(join(adapter, files.adapterConfig))} ${folder}/${files.adapterConfig}`,
    `ln -sf ${shellWord(join(adapter, file))} ${folder}/${files.weights}`,
    `run ${shellLine([...ask, ...out])}`,
    // Unquoted on purpose: PHASEBOX may be two words, as "node dist/phasebox.js".
    `$phasebox ${shellLine(['score', '--suite', suite, '--answers', answers, '--json'])} >${folder}/score.json`,
  ];
}
