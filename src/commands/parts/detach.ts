import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../../core/errors.ts';
import { ownerOf } from '../../io/claim/ownership.ts';
import { ifAbsent, readText } from '../../io/disk/files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { print } from './output.ts';

/** The messages of earlier nights are kept, in two files of about this many bytes. */
const logBytes = 4_000_000;

/** If not even that could be written. */
const nothingSaid = '(nothing: the disk may be full). `phasebox up` in this terminal says what is wrong.';

async function makeRoom(path: string): Promise<void> {
  const found = await stat(path).catch(ifAbsent(null));
  if (found !== null && found.size > logBytes) await rename(path, path.replace(/\.log$/, '.1.log'));
}

const upMessage = 'up';

/** Tells the `up --detach` that started this process that it watches the inbox. */
export function reportUp(): void {
  // That command may have been stopped.
  if (process.connected) process.send?.(upMessage, undefined, undefined, () => undefined);
}

/** Starts the same command again in the background and waits until it watches the inbox: it may own the workspace and then miss a python or a broker. `argv`: as in process.argv. */
export async function detach(workspace: Workspace, argv: readonly string[]): Promise<void> {
  const owner = await ownerOf(workspace.state);
  if (owner !== null) throw new CommandError(3, `phasebox is already up in ${workspace.root} (pid ${owner}).`);
  const path = join(workspace.state, 'log', 'up.log');
  await makeRoom(path);
  const log = await open(path, 'a');
  const { size: before } = await log.stat();
  const [node = process.execPath, ...rest] = argv;
  const child = spawn(node, [...process.execArgv, ...rest.filter((arg) => arg !== '--detach')], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  });
  await log.close();
  const ended = once(child, 'exit');
  // A child that ends closes the channel after its last message: `--once` may have done everything by now.
  const isUp = await Promise.race([
    once(child, 'message').then(([message]) => message === upMessage),
    once(child, 'disconnect').then(() => false),
  ]);
  if (!isUp) {
    await ended;
    const said = Buffer.from((await readText(path)) ?? '').subarray(before);
    throw new CommandError(3, `phasebox did not come up. ${path} says:\n${said.toString() || nothingSaid}`);
  }
  child.unref();
  if (child.connected) child.disconnect();
  print(
    `up in the background (pid ${child.pid}), log in ${path}\nshow its progress: phasebox status; stop it: phasebox stop\n`,
  );
}
