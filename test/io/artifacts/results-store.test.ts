import { appendFile, chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { beginMark, endMark } from '../../../src/core/page/merge-marked.ts';
import { readResults, readRows } from '../../../src/io/artifacts/results-file.ts';
import { removeRow, retireRows, upsertRow, writeComparison } from '../../../src/io/artifacts/results-store.ts';
import { makeRow } from '../../helpers/rows.ts';
import { removeTempDirs, tempDir } from '../../helpers/temp.ts';

const order = (run: string): number => Number(run.split('-s')[1]);
const row = (number: number, overall = 50) => makeRow({ run: `43a-s${number}`, seed: number, overall });
const text = (folder: string, name = 'results.jsonl') => readFile(join(folder, name), 'utf8');

describe('results store', () => {
  it('moves a folder that stands in its place aside, each under a name of its own', async () => {
    const folder = await tempDir();
    for (const name of ['results.jsonl.damaged', 'results.jsonl.damaged.2']) {
      await mkdir(join(folder, 'results.jsonl'));
      const warnings = await upsertRow(folder, row(1), order);
      expect(warnings.join())
        .to.match(/results\.jsonl cannot be read.*next `phasebox up`/)
        .and.to.contain(`now ${join(folder, name)}`);
      expect((await readRows(folder)).map(({ run }) => run)).to.eql(['43a-s1']);
      await rm(join(folder, 'results.jsonl'));
    }
  });

  it('has no rows before the first one', async () => {
    const folder = await tempDir();
    expect(await readRows(folder)).to.deep.equal([]);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('keeps the order of acceptance, one row a run, whatever order they come in', async () => {
    const upserts = fc.array(fc.record({ number: fc.nat(9), overall: fc.nat(100) }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(upserts, fc.boolean(), async (list, together) => {
        const folder = await tempDir();
        const writes = list.map(
          ({ number, overall }) =>
            () =>
              upsertRow(folder, row(number, overall), order),
        );
        if (together) await Promise.all(writes.map((write) => write()));
        else for (const write of writes) await write();
        const last = new Map(list.map(({ number, overall }) => [number, overall]));
        const expected = [...last].sort(([a], [b]) => a - b).map(([number, overall]) => row(number, overall));
        expect(await readRows(folder)).to.deep.equal(expected);
        expect(await readdir(folder)).to.deep.equal(['results.jsonl']);
        await removeTempDirs();
      }),
      { numRuns: 25 },
    );
  });

  it('puts runs without a number first, in the order they came: the rows after them are appended', async () => {
    const folder = await tempDir();
    const foreign = ['x', 'y'].map((run) => makeRow({ run }));
    for (const one of [...foreign, row(1), row(0)]) await upsertRow(folder, one, order);
    expect((await readRows(folder)).map(({ run }) => run)).to.deep.equal(['x', 'y', '43a-s0', '43a-s1']);
    const { ino } = await stat(join(folder, 'results.jsonl'));
    await upsertRow(folder, row(2), order);
    expect((await stat(join(folder, 'results.jsonl'))).ino, 'not written again').to.equal(ino);
  });

  it('takes a row out, so that the next one takes its place', async () => {
    const folder = await tempDir();
    for (const number of [0, 1, 2]) await upsertRow(folder, row(number), order);
    await removeRow(folder, '43a-s1');
    expect((await readRows(folder)).map(({ run }) => run)).to.deep.equal(['43a-s0', '43a-s2']);
    await upsertRow(folder, row(1, 99), order);
    expect((await readRows(folder)).map(({ overall }) => overall)).to.deep.equal([50, 99, 50]);
    await removeRow(folder, 'nobody');
    expect(await readRows(folder)).to.have.length(3);
  });

  it('moves rows aside as they are, each once, also when a crash came between', async () => {
    const folder = await tempDir();
    for (const number of [0, 1, 2]) await upsertRow(folder, row(number), order);
    const before = await text(folder);
    const [first = '', second = ''] = before.split('\n');
    await retireRows(folder, [row(0)]);
    await writeFile(join(folder, 'results.jsonl'), before);
    await retireRows(folder, [row(0), row(1), row(7)]);
    expect(await text(folder, 'results.jsonl.old')).to.equal(`${first}\n${second}\n`);
    expect((await readRows(folder)).map(({ run }) => run)).to.deep.equal(['43a-s2']);
  });

  it('writes rows that it does not touch back byte for byte, with fields of a later version', async () => {
    const folder = await tempDir();
    const later = `${JSON.stringify({ ...row(0), later_field: { a: 1 } }).replace(':50,', ': 50.0 ,')}`;
    await writeFile(join(folder, 'results.jsonl'), `${later}\n`);
    await upsertRow(folder, makeRow({ run: '43a-s1', warnings: ['größer ≥ 3 🎉'] }), order);
    expect((await text(folder)).split('\n')[0]).to.equal(later);
    expect((await readRows(folder))[1]?.warnings).to.deep.equal(['größer ≥ 3 🎉']);
  });

  it('keeps a torn or foreign line aside with a warning; nothing is lost, not even bytes that are no text', async () => {
    const folder = await tempDir();
    await upsertRow(folder, row(0), order);
    const file = join(folder, 'results.jsonl');
    const torn = JSON.stringify(makeRow({ run: '43a-s7', phase: 'größe' })).slice(0, 60);
    await appendFile(file, '{"run":"of another program"}\n\n');
    await appendFile(file, Buffer.concat([Buffer.from([0xff, 0x00, 0xc3]), Buffer.from(`\n${torn}`)]));
    const { rows, damaged } = await readResults(folder);
    expect(rows.map(({ run }) => run)).to.deep.equal(['43a-s0']);
    expect(damaged.map(({ line }) => line)).to.deep.equal([2, 4, 5]);
    const warnings = await upsertRow(folder, row(1), order);
    expect(warnings).to.have.length(3);
    expect(warnings[0]).to.match(/^results.jsonl, line 2 was moved to .*results.jsonl.damaged: it is not a row: /);
    const kept = await readFile(join(folder, 'results.jsonl.damaged'));
    expect(kept.toString('latin1')).to.equal(
      `{"run":"of another program"}\n\u00ff\u0000\u00c3\n${Buffer.from(torn).toString('latin1')}\n`,
    );
    expect((await readRows(folder)).map(({ run }) => run)).to.deep.equal(['43a-s0', '43a-s1']);
    expect(await upsertRow(folder, row(2), order)).to.deep.equal([]);
  });

  it('writes a row that comes last without rewriting the others, unless somebody else wrote', async () => {
    const folder = await tempDir();
    const file = join(folder, 'results.jsonl');
    await upsertRow(folder, row(1), order);
    const { ino } = await stat(file);
    for (const number of [2, 3]) await upsertRow(folder, row(number), order);
    expect((await stat(file)).ino).to.equal(ino);
    await appendFile(file, `${JSON.stringify(row(9))}\ntorn`);
    expect(await upsertRow(folder, row(4), order)).to.have.length(1);
    await upsertRow(folder, row(0), order);
    expect((await readRows(folder)).map(({ seed }) => seed)).to.deep.equal([0, 1, 2, 3, 4, 9]);
  });

  it('takes a row whose run or phase is no name for a damaged line: it would lead out of artifacts/', async () => {
    const folder = await tempDir();
    const named = ['..', '../..', 'a/b', '/etc', '.hidden', '', 'a\u0000b'].flatMap((name) => [
      makeRow({ run: name }),
      makeRow({ phase: name }),
    ]);
    await writeFile(
      join(folder, 'results.jsonl'),
      [...named, row(1)].map((one) => `${JSON.stringify(one)}\n`).join(''),
    );
    const { rows, damaged } = await readResults(folder);
    expect(rows.map(({ run }) => run)).to.deep.equal(['43a-s1']);
    expect(damaged.map(({ line }) => line)).to.deep.equal(named.map((_, index) => index + 1));
    expect(damaged[1]?.why).to.equal('it is not a row: phase a name without / and without a dot in front');
  });

  it('does not write a damaged line twice when a crash came between', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'results.jsonl'), 'torn');
    await writeFile(join(folder, 'results.jsonl.damaged'), 'older\ntorn');
    await upsertRow(folder, row(0), order);
    expect(await text(folder, 'results.jsonl.damaged')).to.equal('older\ntorn');
  });

  it('fails, and works again, when the folder cannot be written', async () => {
    const folder = join(await tempDir(), 'not-there');
    const failure = await upsertRow(folder, row(0), order).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(Error).and.to.have.property('code', 'ENOENT');
    await mkdir(folder);
    await upsertRow(folder, row(0), order);
    expect(await readRows(folder)).to.have.length(1);
  });
});

describe('writeComparison', () => {
  it('makes the page and keeps what a person writes around it, byte for byte', async () => {
    const folder = await tempDir();
    const path = await writeComparison(folder, '# ≥ one\n');
    expect(await readFile(path, 'utf8')).to.contain(`${beginMark}\n# ≥ one\n${endMark}\n`);
    const [above, below] = [
      Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0x0d, 0x0a]),
      Buffer.from('\r\nmine, no newline at the end'),
    ];
    await writeFile(path, Buffer.concat([above, Buffer.from(`${beginMark}\r\nold\r\n${endMark}`), below]));
    await writeComparison(folder, '# zwei: größer\n');
    const written = await readFile(path);
    expect(written.subarray(0, above.length)).to.deep.equal(above);
    expect(written.subarray(written.length - below.length)).to.deep.equal(below);
    expect(written.toString('utf8')).to.contain(`${beginMark}\n# zwei: größer\n${endMark}`);
  });

  it('leaves the file alone when nothing changed', async () => {
    const folder = await tempDir();
    const path = await writeComparison(folder, '# same\n');
    const before = await stat(path);
    await writeComparison(folder, '# same\n');
    expect((await stat(path)).ino).to.equal(before.ino);
  });

  it('writes through a link, and keeps who may read the page', async () => {
    const [folder, notes] = [await tempDir(), await tempDir('notes')];
    const real = join(notes, 'night.md');
    await writeFile(real, 'my notes\n');
    await chmod(real, 0o600);
    await symlink(real, join(folder, 'COMPARISON.md'));
    await writeComparison(folder, '# new\n');
    const written = await readFile(real, 'utf8');
    expect(written.startsWith('my notes\n')).to.equal(true);
    expect(written).to.contain('# new');
    expect((await stat(real)).mode & 0o777).to.equal(0o600);
    expect(await readdir(notes)).to.deep.equal(['night.md']);
  });

  it('keeps every render of many at once whole', async () => {
    const folder = await tempDir();
    const pages = Array.from({ length: 8 }, (_, index) => `# page ${index}\n${'x\n'.repeat(1000)}`);
    const [path = ''] = await Promise.all(pages.map((page) => writeComparison(folder, page)));
    const written = await readFile(path, 'utf8');
    expect(written).to.contain(`${beginMark}\n# page 7\n`);
    expect(written.split(endMark)).to.have.length(2);
  });
});
