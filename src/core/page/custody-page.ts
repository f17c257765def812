import type { Row } from '../../events/row.ts';
import { stageFolder } from '../../events/stages.ts';
import { count, duration, none, percent, plural, sizeText, time } from '../format.ts';
import { asText, code, table } from './markdown.ts';

type Custody = Row['custody'];

const intro =
  'This page lists the inputs of each run, identified by SHA-256. The table shows the first 12 digits. If two runs have the ' +
  'same digits in a column, their files in that column have the same content. *config* is a hash of the settings, excluding names and seed, so all seeds of a ' +
  `phase share it. A dash (${none}) means not applicable or unknown. \`phasebox diff RUN RUN\` lists what differs between two runs. ` +
  '`phasebox verify --deep` checks that the files have not changed. [The report](COMPARISON.md)';

const short = (hash: string | null): string => (hash === null ? none : code(hash.slice(0, 12)));

function overview(rows: readonly Row[]): string {
  return table(
    ['run', 'data', 'base', 'adapter', 'model', 'suite', 'config', 'server', 'host', 'status', 'overall'],
    rows.map(({ run, custody, status, overall }) => [
      asText(run),
      ...[custody.data, custody.base, custody.adapter, custody.model, custody.suite, custody.config].map(short),
      custody.server === null ? none : 'verified',
      custody.host === null ? none : asText(custody.host.name),
      status,
      percent(overall),
    ]),
  );
}

function adapterLine({ adapter, iteration, resume }: Custody): string[] {
  if (adapter === null) return [];
  const from = resume === null ? '' : `; its training run started from weights ${code(resume)} (a warm start)`;
  return [`adapter${iteration === null ? '' : ` of iteration ${iteration}`}: ${code(adapter)}${from}`];
}

/** What happened in the training besides its losses. */
function trainingLine({ training, seconds }: Row): string[] {
  if (training === null) return [];
  const { resumed, stopped, fallback, trainable, peak_bytes: peak } = training;
  const share = trainable?.share === null || trainable === null ? '' : ` (${(100 * trainable.share).toFixed(3)} %)`;
  const parts = [
    ...(seconds.train === undefined ? [] : [duration(seconds.train)]),
    ...(trainable === null ? [] : [`${count(trainable.parameters)} trainable parameters${share}`]),
    ...(peak === null ? [] : [`peak memory ${sizeText(peak)}`]),
    ...(resumed.length === 0 ? [] : [`resumed after iteration ${resumed.join(', ')}`]),
    ...(stopped === null ? [] : [`stopped early at iteration ${stopped.iteration}: ${asText(stopped.why)}`]),
    ...(fallback === null ? [] : ['by plain `mlx_lm lora`, without saved states']),
  ];
  return parts.length === 0 ? [] : [`training: ${parts.join(', ')}`];
}

/** What was verified about the server that answered, and the log that shows it. */
function serverLine({ run, phase, custody: { server } }: Row): string {
  if (server === null) return 'server: not verified';
  const log = `${phase}/${run}/${stageFolder('eval')}/${server.name}/log.txt`;
  const answers = `${plural(server.answers, 'answer')}, each with the model id ${code(server.model_id)}`;
  const token = `phasebox sent the random token ${code(server.nonce)}, and the token appears in this server's log (${code(log)})`;
  return `server: ${token}, which proves that this process answered. It gave ${answers}`;
}

function section(row: Row): string {
  const { custody, versions } = row;
  const contents: readonly (readonly [name: string, hash: string | null])[] = [
    ['data', custody.data],
    ['base model', custody.base],
    ['final model', custody.model],
    ['suite', custody.suite],
    [`rendered prompts${custody.prompts_date === null ? '' : ` (dated ${custody.prompts_date})`}`, custody.prompts],
    ['config', custody.config],
    ['eval identity', row.eval_identity],
  ];
  const tools = Object.entries(versions).map(([name, version]) => `${asText(name)} ${asText(version)}`);
  const { host } = custody;
  const lines = [
    `${row.status}, ended ${time(row.ended)}${row.seed === null ? '' : `, seed ${row.seed}`}`,
    ...(row.model === null ? [] : [`base model (as given in the config): ${asText(row.model)}`]),
    ...contents.flatMap(([name, hash]) => (hash === null ? [] : [`${name}: ${code(hash)}`])),
    ...trainingLine(row),
    ...adapterLine(custody),
    serverLine(row),
    ...(tools.length === 0 ? [] : [`versions: ${tools.join(', ')}`]),
    ...(host === null
      ? []
      : [
          `machine: ${asText(host.name)}, ${asText(host.cpu)}, ${sizeText(host.memory_bytes)} memory, ${asText(host.system)}`,
        ]),
  ];
  return `## ${asText(row.run)}\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}

/** More sections than this would make a page of many megabytes. The table still has a line for each run. */
const mostSections = 200;
/** Lines of the table in the HTML page, which a browser must lay out. */
const mostLines = 1000;

const sectionsText = (rows: readonly Row[]): string =>
  rows.length <= mostSections
    ? ''
    : `Below are the latest ${mostSections} runs, each with its whole hashes. Those of all ${count(rows.length)} are in \`results.jsonl\`.`;

/** artifacts/runs.md: the inputs of every run, and how they are known. */
export function renderCustody(rows: readonly Row[]): string {
  const parts =
    rows.length === 0
      ? ['No run is finished yet.']
      : [intro, overview(rows), sectionsText(rows), ...rows.slice(-mostSections).map(section)];
  return `${['# Provenance of each run', ...parts].filter((part) => part !== '').join('\n\n')}\n`;
}

/** The same for runs.html: of more than a thousand rows, only the latest. */
export function renderLatestCustody(rows: readonly Row[]): string {
  if (rows.length <= mostLines) return renderCustody(rows);
  const left = `The latest ${count(mostLines)} of ${count(rows.length)} runs are shown. All are in \`runs.md\`, next to this page.`;
  return renderCustody(rows.slice(-mostLines)).replace('\n\n', `\n\n${left}\n\n`);
}
