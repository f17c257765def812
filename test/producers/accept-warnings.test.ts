import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readStatus, statusText } from '../../src/commands/status.ts';
import { phaseRecord } from '../../src/events/run.ts';
import { acceptanceWarnings } from '../../src/io/artifacts/phase-store.ts';
import type { Workspace } from '../../src/io/workspace/workspace.ts';
import { acceptConfig } from '../../src/producers/accept.ts';
import { acceptInto, freshWorkspace, readPlain } from './setting.ts';

const later = 'x is not here yet';

describe('warnings of a config that is accepted', () => {
  let workspace: Workspace;

  beforeEach(async () => {
    workspace = await freshWorkspace();
  });

  /** Accepts a config that its reader has these warnings about; `later` means nothing once it is accepted. */
  const accept = async (text: string, ...warnings: string[]): Promise<void> => {
    const context = acceptInto(workspace);
    const read: typeof context.read = async (...given) => {
      const result = await readPlain(...given);
      return result.ok ? { ...result, plan: { ...result.plan, warnings, transient: [later] } } : result;
    };
    const file = { name: 'a.yaml', acceptedAs: 'a.yaml', bytes: Buffer.from(text) };
    expect(await acceptConfig(file, { ...context, read })).to.include({ kind: 'accepted' });
  };

  it('are kept in phase.json, but for those that mean nothing later, and shown by status', async () => {
    await accept('phase: 43a\n', 'train.iters is empty', later);
    await accept('phase: 43b\n');
    await accept('phase: 43a\nseeds: [0, 1]\n', 'train.iters is empty', 'fuse is empty');
    const both = ['train.iters is empty', 'fuse is empty'];
    expect(await acceptanceWarnings(workspace.artifacts, '43a')).to.eql(both);
    const { status, ...forPeople } = await readStatus(workspace);
    expect(status.warnings).to.eql(both.map((text) => ({ phase: '43a', text })));
    expect(statusText(status, forPeople)).to.match(
      /\nwarning: 43a: train\.iters is empty\nwarning: 43a: fuse is empty\n$/,
    );
  });

  it('are none where 0.1.0 accepted the phase: its record has no place for them', async () => {
    await accept('phase: 43a\n', 'w');
    const path = join(workspace.artifacts, '43a', 'phase.json');
    const { warnings, ...old } = phaseRecord.parse(JSON.parse(await readFile(path, 'utf8')));
    expect(warnings).to.eql(['w']);
    await writeFile(path, JSON.stringify(old));
    expect(await acceptanceWarnings(workspace.artifacts, '43a')).to.eql([]);
    expect((await readStatus(workspace)).status.warnings).to.eql([]);
  });
});
