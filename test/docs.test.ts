import { existsSync } from 'node:fs';
import { cp, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { generatedPages, guides } from '../scripts/docs/pages.ts';
import { phase } from '../src/events/phase.ts';
import { row } from '../src/events/row.ts';
import { modes } from '../src/events/score.ts';
import { workspaceConfig } from '../src/events/workspace.ts';
import { packageRoot } from '../src/io/host/package-root.ts';
import { type ConfigWorkspace, configWorkspace } from './helpers/config-workspace.ts';
import { everyCommand } from './helpers/every-command.ts';
import { tinyAdapter } from './helpers/tiny-model.ts';

const { folder, version } = packageRoot();
const page = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

/** The names in backticks in the first cells of a page's tables. */
const namedInTables = (text: string): string[] =>
  [...text.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
  );

const fenced = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, found, body]) =>
    found === language ? [body ?? ''] : [],
  );

/** What a config has that says only what it must. */
const phaseDefaults = phase.parse({ phase: 'a', eval: { suite: 's' }, criteria: {} });

/** Lines of a page's shell blocks that call phasebox, and what it says in backticks: `phasebox gc --models`. */
function calls(text: string): string[] {
  const shell = fenced(text, 'sh').flatMap((block) => [...block.matchAll(/^(?:\$ )?phasebox (.*)/gm)]);
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`phasebox ([^`]+)`/g);
  return [...shell, ...prose].map(([, rest]) => (rest ?? '').replace(/ +#.*/, ''));
}

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading ?? ''));

async function acceptedPhases(workspace: ConfigWorkspace, blocks: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const block of blocks) names.push((await workspace.accept(block)).phase);
  return names;
}

describe('the documentation', () => {
  it('is what `npm run docs` makes of the code, and of the pages themselves', async () => {
    for (const [path, text] of await generatedPages(folder)) {
      expect(await page(path), `${path} is out of date: run \`npm run docs\``).to.equal(text);
    }
  });

  it('has every page of docs/ in its list', async () => {
    const pages = (await readdir(join(folder, 'docs'))).filter((name) => name.endsWith('.md'));
    expect(pages.map((name) => `docs/${name}`).sort()).to.deep.equal([...guides].sort());
  });

  it('has a README of at most 200 lines and 10 KB', async () => {
    const text = await page('README.md');
    expect(text.trimEnd().split('\n').length).to.be.at.most(200);
    expect(Buffer.byteLength(text)).to.be.at.most(10_000);
  });

  it('names every field of the row, and every mode', async () => {
    expect(namedInTables(await page('docs/results.md'))).to.include.members(Object.keys(row.shape));
    const suites = await page('docs/suites.md');
    for (const mode of modes) expect(suites).to.match(new RegExp(`^\\| ${mode} \\|`, 'm'));
  });

  it('calls only commands, options and scripts that are there', async () => {
    const program = await everyCommand();
    const known = new Map<string, Command>(program.commands.map((command) => [command.name(), command]));
    const shape = z.object({ scripts: z.record(z.string(), z.string()) });
    const scripts = Object.keys(shape.parse(JSON.parse(await page('package.json'))).scripts);
    for (const name of ['README.md', 'CONTRIBUTING.md', ...guides]) {
      const text = await page(name);
      for (const call of calls(text).filter((one) => /^[a-z]/.test(one))) {
        const [command = '', ...rest] = call.split(/\s+/);
        expect([...known.keys()], `${name}: phasebox ${call}`).to.include(command);
        const options = rest.flatMap((word) => /^--[a-z-]+/.exec(word) ?? []);
        const allowed = known.get(command)?.options.map(({ long }) => long) ?? [];
        expect([...allowed, '--help'], `${name}: phasebox ${call}`).to.include.members(options);
      }
      const npm = [...text.matchAll(/npm (?:run ([a-z:]+)|(test))/g)].map(([, run, test]) => run ?? test ?? '');
      expect(scripts, name).to.include.members(npm);
    }
  });

  it('shows configs that are accepted', async () => {
    const workspace = await configWorkspace();
    const hub = ['Qwen3-Coder-30B-A3B-Instruct-4bit', 'Qwen3-14B-4bit'].map((name) => `mlx-community/${name}`);
    for (const model of [...hub, 'models/base', 'models/published'])
      await cp(join(workspace.root, 'models/tiny'), join(workspace.root, model), { recursive: true });
    for (const data of ['data/phase33_merged', 'data/mine'])
      await cp(join(workspace.root, 'data/rows'), join(workspace.root, data), { recursive: true });
    await cp(join(folder, 'suites'), join(workspace.root, 'suites'), { recursive: true });
    await tinyAdapter(join(workspace.root, 'old/adapter'), ['0000600_adapters.safetensors']);
    const blocks = fenced(`${await page('README.md')}\n${await page('docs/config.md')}`, 'yaml');
    const names = await acceptedPhases(
      workspace,
      blocks.filter((block) => block.startsWith('phase:')),
    );
    expect(names).to.deep.equal(['first', '43a', '43a-temperature', 'adapter-600', 'published', '43a-lower']);
  });

  it('shows the defaults of the sections in the example of docs/config.md', async () => {
    const [example = ''] = fenced(await page('docs/config.md'), 'yaml');
    const given = phase.parse(parse(example));
    // those of the example: its outcomes are about reproducibility
    expect(given.seeds).to.deep.equal([0, 1, 2]);
    for (const name of ['select', 'fuse', 'cleanup', 'env', 'preflight', 'cooldown_s'] as const) {
      expect(given[name], name).to.deep.equal(phaseDefaults[name]);
    }
    expect({ ...given.eval, suite: 's' }).to.deep.equal(phaseDefaults.eval);
  });

  it('shows a phasebox.yaml that is right', async () => {
    const blocks = fenced(await page('docs/running.md'), 'yaml');
    expect(blocks).to.have.lengthOf(2);
    for (const block of blocks) workspaceConfig.parse(parse(block));
  });
});

describe('the pages', () => {
  const others = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'llms.txt', 'demo/make/README.md'];
  for (const name of [...guides, ...others]) {
    it(`${name}: every relative link and image leads somewhere`, async () => {
      const text = (await page(name)).replace(/^```[\s\S]*?^```$/gm, '').replace(/^>.*$/gm, '');
      const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
      for (const target of targets.filter((one) => !/^https?:/.test(one))) {
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? name : join(dirname(name), path);
        expect(existsSync(join(folder, file)), `${name}: ${target}`).to.equal(true);
        if (anchor !== undefined) expect(anchors(await page(file)), `${name}: ${target}`).to.include(anchor);
      }
    });
  }

  it('ARCHITECTURE.md is at most 140 lines, and the files that it names are there', async () => {
    const text = await page('ARCHITECTURE.md');
    expect(text.trimEnd().split('\n').length).to.be.at.most(140);
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
