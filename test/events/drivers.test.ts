import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { drivers } from '../../src/events/drivers.ts';

const folder = resolve(import.meta.dirname, '../../python');

describe('events/drivers', () => {
  it('lists each program of python/: `doctor` tries all of them', async () => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.py'));
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
    const programs = files.filter((_, index) => texts[index]?.includes('if __name__ == "__main__":'));
    expect(programs.map((name) => name.replace(/\.py$/, '')).sort()).to.eql([...drivers].sort());
  });
});
