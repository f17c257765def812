import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type SuiteOptions, suiteFromData } from '../../src/commands/suite.ts';
import { readSuite } from '../../src/core/config/read-suite.ts';
import { CommandError } from '../../src/core/errors.ts';
import { tempDir } from '../helpers/temp.ts';

const demo = resolve(import.meta.dirname, '../../demo/data/valid.jsonl');

interface Run {
  readonly printed: string[];
  readonly told: string[];
  readonly options: SuiteOptions;
}

function quiet(more: Partial<SuiteOptions> = {}): Run {
  const [printed, told]: [string[], string[]] = [[], []];
  const options = {
    ...{ wrapper: 'execute_code', print: (text: string) => void printed.push(text) },
    ...{ tell: (text: string) => void told.push(text), ...more },
  };
  return { printed, told, options };
}

async function errorOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CommandError) return `${error.exitCode} ${error.message}`;
  throw error;
}

describe('phasebox suite from', () => {
  it("makes a suite of the demo's valid rows and says what is not in it", async () => {
    const { printed, told, options } = quiet({ name: 'demo-valid' });
    await suiteFromData(demo, options);
    const read = readSuite(printed.join(''), 'x.yaml');
    if (!('suite' in read)) throw new Error(JSON.stringify(read.problems));
    expect(read.suite).to.include({ suite: 'demo-valid', system: 'You are a coding assistant.' });
    expect(read.suite.prompts).to.have.length(38);
    expect(told.join('\n')).to.equal(
      `38 prompts out of 40 examples of ${demo}\nskipped:\n  2 examples: has no function call in its last answer`,
    );
  });

  it('writes a file, and never over one that is there', async () => {
    const out = join(await tempDir('suite-from'), 'valid.yaml');
    const { printed, options } = quiet({ output: out });
    await suiteFromData(demo, options);
    expect(printed).to.eql([]);
    const text = await readFile(out, 'utf8');
    expect(await errorOf(suiteFromData(demo, options))).to.equal(`2 ${out} already exists. Give -o another name.`);
    expect(await readFile(out, 'utf8')).to.equal(text);
  });

  it('refuses data of which no row can be asked', async () => {
    const file = join(await tempDir('suite-from'), 'prose.jsonl');
    const row = {
      messages: [
        { role: 'user', content: 'why' },
        { role: 'assistant', content: 'Because.' },
      ],
    };
    await writeFile(file, `${JSON.stringify(row)}\n`);
    expect(await errorOf(suiteFromData(file, quiet().options))).to.equal(
      `2 No example of ${file} can be used as a prompt:\n  1 example: has no function call in its last answer`,
    );
    expect(await errorOf(suiteFromData(`${file}.none`, quiet().options))).to.contain('does not exist');
  });
});
