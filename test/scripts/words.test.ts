import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { tempDir } from '../helpers/temp.ts';

const script = resolve('scripts/words.mjs');

/** What the script reports of a file with this text: `line "words"`. */
async function found(name: string, text: string): Promise<string[]> {
  const file = join(await tempDir(), name);
  await writeFile(file, text);
  const { stderr, status } = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
  const lines = stderr.split('\n').flatMap(
    (line) =>
      line
        .match(/:(\d+) has ("[^"]*")/)
        ?.slice(1)
        .join(' ') ?? [],
  );
  expect(status).to.equal(lines.length === 0 ? 0 : 1);
  return lines;
}

describe('scripts/words.mjs', () => {
  it('finds a word in any case, as a part of a name, and a phrase that a line end divides', async () => {
    const text = '// Told.\nconst toldOnce = 1;\n/**\n * It goes\n * on.\n */\nconst untoldStories = 2;\n';
    expect(await found('a.ts', text)).to.deep.equal(['1 "Told"', '2 "told"', '4 "goes * on"']);
  });

  it('accepts a line that says why it needs the word', async () => {
    expect(await found('a.ts', "const key = 'told'; // words: a key of rows\n")).to.deep.equal([]);
  });

  it('reads only the comments of a suite, whose prompts belong to its author', async () => {
    expect(await found('a.yaml', 'prompt: Nobody?\n# nobody\n')).to.deep.equal(['2 "nobody"']);
  });
});
