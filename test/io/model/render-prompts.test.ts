import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Rendering, RenderJob } from '../../../src/core/score/rendering.ts';
import { renderPrompts } from '../../../src/io/model/render-prompts.ts';
import { plainRendering } from '../../helpers/config-workspace.ts';
import { tempDir } from '../../helpers/temp.ts';

/** A python that renders what `answers` says, and notes how often it was started. */
async function renderer() {
  const folder = await tempDir('renderer');
  const [python, kept] = [join(folder, 'python'), join(folder, 'kept')];
  const facts = JSON.stringify({ versions: { mlx: '0.32.4', mlx_lm: '0.32.2' }, defaults: {} });
  const script = [
    '#!/bin/sh',
    `cd '${folder}'`,
    `case "$1" in *facts.py) echo '${facts}' ;; *) cat >/dev/null; echo started >>calls; cat answers ;; esac`,
  ];
  await writeFile(python, `${script.join('\n')}\n`, { mode: 0o755 });
  await writeFile(join(folder, 'calls'), '');
  return {
    async render(date: string, jobs: readonly RenderJob[], answer: Partial<Rendering>) {
      await writeFile(join(folder, 'answers'), JSON.stringify(jobs.map(() => ({ ...plainRendering, ...answer }))));
      const answers = await renderPrompts(jobs, { python, date, kept, keeps: true });
      expect(answers.filter(({ ok }) => !ok)).to.eql([]);
    },
    calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).split('\n').length - 1,
    files: async () => (await readdir(kept)).length,
  };
}

const jobs = (count: number): RenderJob[] =>
  Array.from({ length: count }, (_, index) => ({ model: '/nowhere', requests: [{ id: `p${index}`, messages: [] }] }));

describe('rendered prompts that are kept', () => {
  it('are rendered once for all days, unless the template prints the date', async () => {
    const plain = await renderer();
    for (const date of ['2026-11-27', '2026-11-28', '2026-11-29']) await plain.render(date, jobs(1), { dated: null });
    expect([await plain.calls(), await plain.files()]).to.eql([1, 1]);
    const clock = await renderer();
    for (const dated of ['2026-11-27', '2026-11-28', '2026-11-27']) await clock.render(dated, jobs(1), { dated });
    expect([await clock.calls(), await clock.files()]).to.eql([2, 2]);
  });

  it('do not fill the memory: the oldest are read from the disk again', async () => {
    const many = await renderer();
    await many.render('2026-11-28', jobs(300), {});
    await many.render('2026-11-28', jobs(300), {});
    expect([await many.calls(), await many.files()]).to.eql([1, 300]);
  });
});
