import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import { readSuite } from '../src/core/config/read-suite.ts';
import { catalogue } from '../src/core/errors.ts';
import { phase } from '../src/events/phase.ts';
import { row } from '../src/events/row.ts';
import { modes } from '../src/events/score.ts';
import { workspaceConfig } from '../src/events/workspace.ts';
import { packageRoot } from '../src/io/package-root.ts';
import { type ConfigWorkspace, configWorkspace } from './helpers/config-workspace.ts';
import { everyCommand } from './helpers/every-command.ts';
import { tinyAdapter } from './helpers/tiny-model.ts';

const { folder, version } = packageRoot();
const page = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

/** Cells of all rows of a page's tables that begin with `name`, in backticks; `\|` is no border. */
function tableRows(text: string): { readonly names: string[]; readonly cells: string[] }[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')))
    .map((cells) => ({ names: [...(cells[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''), cells }));
}

/** The part of a page below a heading, to the next heading. */
function section(text: string, heading: string): string {
  const [, rest] = text.split(`\n${heading}\n`);
  if (rest === undefined) throw new Error(`no heading ${heading}`);
  return rest.split(/\n#+ /)[0] ?? '';
}

const fenced = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, found, body]) =>
    found === language ? [body ?? ''] : [],
  );

type Schema = z.core.$ZodType;

/** Below what a default or an `optional` wraps. */
function bare(schema: Schema): Schema {
  const { def } = schema._zod;
  return 'innerType' in def ? bare(def.innerType as Schema) : schema;
}

/** Every key of a config, those of its sections as `section.key`; what a key holds beyond that is its own business. */
function keysOf(schema: Schema, closed: readonly string[], path = ''): string[] {
  const object = bare(schema);
  if (!(object instanceof z.ZodObject) || closed.includes(path)) return [path];
  return Object.entries(object.shape).flatMap(([key, inner]) =>
    keysOf(inner, closed, path === '' ? key : `${path}.${key}`),
  );
}

const defaultOf = (value: unknown, key: string): unknown =>
  key.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value);

/** What a config has that says only what it must. */
const phaseDefaults = phase.parse({ phase: 'a', eval: { suite: 's' }, criteria: {} });

function expectDefaults(text: string, keys: readonly string[], defaults: unknown): void {
  const documented = new Map(tableRows(text).map(({ names, cells }) => [names[0] ?? '', cells[2] ?? '']));
  expect([...documented.keys()].sort()).to.deep.equal([...keys].sort());
  for (const [key, cell] of documented) {
    const shown: unknown = cell === '–' ? undefined : parse(cell.replaceAll('`', ''));
    const expected = ['phase', 'eval.suite'].includes(key) ? undefined : defaultOf(defaults, key);
    expect(shown, `default of ${key}`).to.deep.equal(expected);
  }
}

async function acceptedPhases(workspace: ConfigWorkspace, blocks: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const block of blocks) names.push((await workspace.accept(block)).phase.phase);
  return names;
}

describe('README', () => {
  let readme: string;
  before(async () => {
    readme = await page('README.md');
  });

  it('names every key of a phase with its default, and no other', () => {
    expectDefaults(section(readme, '### Every key'), keysOf(phase, ['train', 'from', 'baseline']), phaseDefaults);
  });

  it('names every key of phasebox.yaml with its default, and no other', () => {
    const text = section(readme, '## The workspace: phasebox.yaml');
    expectDefaults(text, keysOf(workspaceConfig, []), workspaceConfig.parse({}));
  });

  it('names every field of the row and every mode', () => {
    const named = tableRows(section(readme, '## The row and the page')).flatMap(({ names }) => names);
    expect(named).to.include.members(Object.keys(row.shape));
    for (const mode of modes) expect(readme).to.match(new RegExp(`^\\| ${mode} \\|`, 'm'));
  });

  it('tells of every error how often it is tried again', () => {
    const told = tableRows(section(readme, '## What it does about')).flatMap(({ names, cells }) =>
      names.map((code) => [code, /^\w+/.exec(cells[2] ?? '')?.[0] ?? '']),
    );
    const retries = Object.entries(catalogue).map(([code, { retry }]) => [code, retry]);
    expect(Object.fromEntries(told)).to.deep.equal(Object.fromEntries(retries));
  });

  it('has every command with all its options, and none that is not there', async () => {
    const program = await everyCommand();
    const usages = tableRows(section(readme, '## Every command')).map(({ names }) => names[0] ?? '');
    const shown = usages.map((usage) => ({
      name: usage.split(' ')[1],
      options: [...usage.matchAll(/--[a-z-]+|(?<=\[)-[a-z]/g)].map(([option]) => option).sort(),
    }));
    const real = program.commands.map((command) => ({
      name: command.name(),
      options: command.options
        .map(({ long, short }) => (usages.some((usage) => usage.includes(`[${short}]`)) ? short : long) ?? '')
        .sort(),
    }));
    const byName = (a: { name: string | undefined }, b: { name: string | undefined }): number =>
      (a.name ?? '') < (b.name ?? '') ? -1 : 1;
    expect(shown.sort(byName)).to.deep.equal(real.sort(byName));
  });

  it('calls only commands that are there', async () => {
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await page('package.json')));
    const program = await everyCommand();
    const names = program.commands.map((command) => command.name());
    const shell = fenced(readme, 'sh').join('\n');
    const called = [...shell.matchAll(/^phasebox ([a-z]+)/gm)].map(([, name]) => name);
    expect(called).to.have.length.above(5);
    expect(names).to.include.members(called);
    const npm = [...shell.matchAll(/npm (?:run ([a-z:]+)|(test))/g)].map(([, run, test]) => run ?? test ?? '');
    expect(Object.keys(scripts)).to.include.members(npm);
  });

  it('shows configs that are accepted, in their order', async () => {
    const workspace = await configWorkspace();
    for (const model of ['mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit', 'models/base', 'models/published']) {
      await cp(join(workspace.root, 'models/tiny'), join(workspace.root, model), { recursive: true });
    }
    await cp(join(workspace.root, 'data/rows'), join(workspace.root, 'data/phase33_merged'), { recursive: true });
    await cp(join(folder, 'suites'), join(workspace.root, 'suites'), { recursive: true });
    await tinyAdapter(join(workspace.root, 'old/adapter'), ['0000600_adapters.safetensors']);
    const phases = fenced(readme, 'yaml').filter((block) => block.startsWith('phase:'));
    const names = await acceptedPhases(workspace, phases);
    expect(names).to.deep.equal(['43a', '43a-temperature', 'adapter-600', 'published', '43a-lower']);
  });

  it('shows the defaults of the sections in its example', () => {
    const [example = ''] = fenced(readme, 'yaml');
    const given = phase.parse(parse(example));
    // those of the example: its outcomes are about reproducibility
    expect(given.seeds).to.deep.equal([0, 1, 2]);
    for (const name of ['select', 'fuse', 'cleanup', 'env', 'preflight', 'cooldown_s'] as const) {
      expect(given[name], name).to.deep.equal(phaseDefaults[name]);
    }
    expect({ ...given.eval, suite: 's' }).to.deep.equal(phaseDefaults.eval);
  });

  it('shows a suite and a phasebox.yaml that are right', () => {
    const blocks = fenced(readme, 'yaml').filter((block) => !block.startsWith('phase:'));
    const suites = blocks.filter((block) => block.startsWith('suite:'));
    const others = blocks.filter((block) => !block.startsWith('suite:'));
    expect([suites.length, others.length]).to.deep.equal([1, 1]);
    for (const block of suites) expect(readSuite(block, 'README.md')).to.have.property('suite');
    for (const block of others) workspaceConfig.parse(parse(block));
  });
});

describe('the pages', () => {
  const guides = ['docs/data.md', 'docs/engines.md', 'docs/reliability.md', 'docs/suites.md'];
  for (const name of [...guides, 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'demo/make/README.md']) {
    it(`${name}: every relative link and image leads somewhere`, async () => {
      const text = (await page(name)).replace(/^```[\s\S]*?^```$/gm, '').replace(/^>.*$/gm, '');
      const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
      for (const target of targets.filter((one) => !/^https?:/.test(one))) {
        const [path = '', anchor] = target.split('#');
        if (path !== '') expect(existsSync(join(folder, dirname(name), path)), `${name}: ${target}`).to.equal(true);
        else expect(text.toLowerCase(), target).to.match(new RegExp(`^#+ ${anchor}$`, 'm'));
      }
    });
  }

  it('ARCHITECTURE.md is at most 120 lines, and the files that it names are there', async () => {
    const text = await page('ARCHITECTURE.md');
    expect(text.trimEnd().split('\n').length).to.be.at.most(120);
    const named = [...text.matchAll(/`((?:[a-z-]+\/)+[a-z-]+(?:\.test)?\.(?:ts|sh|mjs|md|json))`/g)].map(
      ([, path]) => path ?? '',
    );
    const files = named.filter((path) => !/^\d|manifest/.test(path));
    expect(files).to.have.length.above(40);
    for (const path of files) {
      expect(existsSync(join(folder, 'src', path)) || existsSync(join(folder, path)), path).to.equal(true);
    }
  });

  it('CHANGELOG.md has the version of package.json', async () => {
    expect(await page('CHANGELOG.md')).to.match(new RegExp(`^## .*${version.replaceAll('.', '\\.')}`, 'm'));
  });

  it('LICENSE is the one that package.json names', async () => {
    const { license } = z.object({ license: z.string() }).parse(JSON.parse(await page('package.json')));
    expect((await page('LICENSE')).split('\n')[0]).to.equal(`${license} License`);
  });
});
