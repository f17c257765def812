import type { Row } from '../../events/row.ts';
import { stageFolder } from '../../events/stages.ts';
import { count, none, percent, time } from '../format.ts';
import { sizeText } from '../size-text.ts';
import { plural } from '../words.ts';
import { asText, code, table } from './markdown.ts';

type Custody = Row['custody'];

const intro =
  'What each row was made of. Contents are identified by their sha256 (the table shows the first 12 digits): two runs with the ' +
  'same digits used the same bytes. *config* is the hash of what the config asks for, without names and seed, so the seeds of a ' +
  `phase share it. ${none}: not known, or there is none. What two runs do not share: \`phasebox diff RUN RUN\`. ` +
  'Whether the files still are what they were: `phasebox verify --deep`. [The comparison](COMPARISON.md)';

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
  const from = resume === null ? '' : `; its training resumed from weights ${code(resume)} (a warm restart)`;
  return [`adapter${iteration === null ? '' : ` of iteration ${iteration}`}: ${code(adapter)}${from}`];
}

/** What was proven, and where it can be looked up. */
function serverLine({ run, phase, custody: { server } }: Row): string {
  if (server === null) return 'server: nothing is known of who answered';
  const log = `${phase}/${run}/${stageFolder('eval')}/${server.name}/log.txt`;
  const answers = `${plural(server.answers, 'answer')}, each with the model id ${code(server.model_id)}`;
  return `server: the child that we started is the one that answered: ${code(server.nonce)} was asked of it and stands in its log (${code(log)}); ${answers}`;
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
    ...(row.model === null ? [] : [`base model as written: ${asText(row.model)}`]),
    ...contents.flatMap(([name, hash]) => (hash === null ? [] : [`${name}: ${code(hash)}`])),
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

/** Sections of more runs than this would make a page of many megabytes; a line of the table stays. */
const mostSections = 200;
/** Of its HTML, which a browser must lay out. */
const mostLines = 1000;

const sectionsText = (rows: readonly Row[]): string =>
  rows.length <= mostSections
    ? ''
    : `Below are the latest ${mostSections} runs, each with its whole hashes. Those of all ${count(rows.length)} are in \`results.jsonl\`.`;

/** artifacts/runs.md: of every row, what it was made of and how that is known. */
export function renderCustody(rows: readonly Row[]): string {
  const parts =
    rows.length === 0
      ? ['No run is finished yet.']
      : [intro, overview(rows), sectionsText(rows), ...rows.slice(-mostSections).map(section)];
  return `${['# Provenance of every row', ...parts].filter((part) => part !== '').join('\n\n')}\n`;
}

/** The same for runs.html: of more than a thousand rows the latest. */
export function renderLatestCustody(rows: readonly Row[]): string {
  if (rows.length <= mostLines) return renderCustody(rows);
  const left = `The latest ${count(mostLines)} of ${count(rows.length)} runs are shown. All are in \`runs.md\`, beside this page.`;
  return renderCustody(rows.slice(-mostLines)).replace('\n\n', `\n\n${left}\n\n`);
}
