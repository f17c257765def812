import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { atRest } from '../../../src/core/run/control.ts';
import { openRunStore } from '../../../src/io/artifacts/run-store.ts';
import { downloadFolder } from '../../../src/io/tool/download.ts';
import { findTool } from '../../../src/io/tool/tool-process.ts';
import { startAdmission } from '../../../src/workers/queue/admission.ts';
import type { Runtime } from '../../../src/workers/runtime/runtime.ts';
import { plan } from '../../helpers/runs.ts';
import { makeWorkspace, shelveRun } from '../../helpers/stored.ts';
import { tempDir } from '../../helpers/temp.ts';

/** The admission of an `up` with a deadline, whose queue is one run of a model that is not here and names no size. */
async function withDeadline(at: number) {
  const python = join(await tempDir('hanging'), 'python');
  await writeFile(python, '#!/bin/sh\nexec sleep 5\n', { mode: 0o755 });
  const workspace = await makeWorkspace();
  const model = { source: 'org/nameless', folder: null, revision: null, download: true };
  await shelveRun(workspace, plan({ model, chain: ['train'] }));
  const runStore = openRunStore(workspace.artifacts);
  await runStore.refresh();
  const stop = new AbortController();
  const consumer = { pause: async () => undefined, open: () => undefined };
  const runtime = {
    ...{ workspace, runStore, python, log: pino({ level: 'silent' }), signal: stop.signal, rows: new Map() },
    ...{ notice: () => undefined, control: { now: () => atRest }, busyRuns: new Map(), until: { at, text: '07:00' } },
    bus: { consume: () => consumer, emit: async () => undefined },
  } as unknown as Runtime;
  const admission = startAdmission(runtime);
  const close = async (): Promise<void> => {
    stop.abort('detach');
    await admission.close();
    // A download continues without `up`.
    await (await findTool(downloadFolder(workspace.state, model)))?.stop();
    await runStore.close();
  };
  return { admission, close };
}

describe('a deadline, and a model that has to be fetched', () => {
  const before = process.env.HF_HUB_CACHE;
  beforeEach(async () => {
    process.env.HF_HUB_CACHE = await tempDir('hub');
  });
  afterEach(() => {
    if (before === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = before;
  });

  it('fetches it first: without the model the time of its runs is not known, and none would ever start', async () => {
    const { admission, close } = await withDeadline(Date.now() + 3_600_000);
    expect(await admission.isOutOfTime()).to.equal(false);
    await close();
  });

  it('fetches nothing more once the time has come', async () => {
    const { admission, close } = await withDeadline(Date.now() - 1);
    expect(await admission.isOutOfTime()).to.equal(true);
    await close();
  });
});
