import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { shellLine, shellWord } from '../../src/core/shell.ts';
import { tempDir } from '../helpers/temp.ts';

/** What a config may hold: any text without control characters but tabs and line breaks. */
const hostile = [
  '',
  ' ',
  "it's",
  "'",
  "''",
  '"',
  '\\',
  '\\\\\n',
  '$(touch owned)',
  '`touch owned`',
  '$\u007bHOME}',
  '$HOME',
  '!!',
  '!x',
  '; touch owned',
  '&& touch owned',
  '| cat',
  '> owned',
  '<(x)',
  '*',
  '?',
  '[a]',
  '{a,b}',
  '#x',
  '~',
  '~root',
  'a=~',
  '=ls',
  '%1',
  '-n',
  '--',
  'a\nb',
  '\n',
  '\r\n',
  '\t',
  'é 漢 👩‍👩‍👧',
  '\u202e',
  '\u2028',
];

/** The words that a shell makes of a line. */
const read = (line: string, shell: string): string[] =>
  execFileSync(shell, ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8', env: { HOME: '~' } })
    .split('\0')
    .slice(0, -1);

describe('core/shell', () => {
  for (const shell of ['sh', 'bash'])
    it(`writes words that ${shell} reads back unchanged, whatever they hold`, () => {
      expect(read(hostile.map(shellWord).join(' '), shell)).to.eql(hostile);
      expect(read(shellLine(['printf-is-first', ...hostile]), shell).slice(1)).to.eql(hostile);
      const text = fc.string({ unit: 'grapheme' }).filter((one) => !/[^\P{Cc}\n\t]|\p{Cs}/u.test(one));
      const words = fc.array(text, { minLength: 1, maxLength: 20 });
      fc.assert(
        fc.property(words, (some) => {
          expect(read(some.map(shellWord).join(' '), shell)).to.eql(some);
        }),
        { numRuns: 20 },
      );
    });

  it('runs the program that the first word names, not what a shell would make of that word', async () => {
    const folder = await tempDir();
    for (const name of ['A=b', '%1', 'if', 'time', "it's", '{', '!', 'a\nb', '$(x)', '=ls', '-x', '#']) {
      await writeFile(join(folder, name), '#!/bin/sh\necho "$1"\n', { mode: 0o755 });
      const said = execFileSync('/bin/sh', ['-c', ` ${shellLine([name, 'hello $HOME'])}`], {
        env: { PATH: folder },
        encoding: 'utf8',
      });
      expect(said, name).to.equal('hello $HOME\n');
    }
  });

  it('leaves plain words as they are', () => {
    expect(shellLine(['a', '--q=1', 'x/y.z', 'A=b'])).to.equal('a --q=1 x/y.z A=b');
  });
});
