import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandError } from '../../core/errors.ts';
import { ownerOf } from '../../io/claim/ownership.ts';
import { ifAbsent, readText } from '../../io/disk/files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { print } from './output.ts';

/** What earlier nights said stays, in two files of about this many bytes. */
const logBytes = 4_000_000;

/** Where not even that could be written. */
const nothingSaid = '(nothing: the disk may be full). `phasebox up` in this terminal says what is wrong.';

async function makeRoom(path: string): Promise<void> {
  const found = await stat(path).catch(ifAbsent(null));
  if (found !== null && found.size > logBytes) await rename(path, path.replace(/\.log$/, '.1.log'));
}

/** Starts the same command again in the background and waits until it watches the inbox: it may own the workspace and then miss a python or a broker. `argv`: as in process.argv. */
export async function detach(workspace: Workspace, argv: readonly string[]): Promise<number> {
  const owner = await ownerOf(workspace.state);
  if (owner !== null) throw new CommandError(3, `phasebox is up in ${workspace.root} already (pid ${owner}).`);
  const path = join(workspace.state, 'log', 'up.log');
  await makeRoom(path);
  const log = await open(path, 'a');
  const { size: before } = await log.stat();
  const [node = process.execPath, ...rest] = argv;
  const child = spawn(node, [...process.execArgv, ...rest.filter((arg) => arg !== '--detach')], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  child.unref();
  await log.close();
  const ended = once(child, 'exit').then(() => true);
  const said = async (): Promise<string> =>
    Buffer.from((await readText(path)) ?? '')
      .subarray(before)
      .toString();
  for (let over = false; !(await said()).includes(`watching ${workspace.inbox}`); ) {
    if (over) throw new CommandError(3, `phasebox did not come up. ${path} says:\n${(await said()) || nothingSaid}`);
    // Read once more when it is over: `--once` may have come up and done all within these 50 ms.
    over = await Promise.race([ended, delay(50, false)]);
  }
  print(
    `up in the background (pid ${child.pid}), log in ${path}\nsee how it is going: phasebox status; end it: phasebox stop\n`,
  );
  return 0;
}
