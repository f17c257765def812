import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { z } from 'zod';
import { startServer } from './browser/valkey.ts';
import { waitFor } from './helpers/temp.ts';

const composeFile = z.object({
  services: z.object({
    broker: z.object({
      image: z.string(),
      command: z.string(),
      ports: z.array(z.string()),
      volumes: z.array(z.string()),
      healthcheck: z.object({ test: z.array(z.string()), interval: z.string(), retries: z.int() }),
    }),
  }),
  volumes: z.record(z.string(), z.unknown()),
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('docker-compose.yml', () => {
  let broker: z.infer<typeof composeFile>['services']['broker'];
  let volumes: Record<string, unknown>;
  before(async () => {
    const text = await readFile(join(import.meta.dirname, '../docker-compose.yml'), 'utf8');
    const file = composeFile.parse(parse(text));
    ({ broker } = file.services);
    ({ volumes } = file);
  });

  it('is reachable from this machine only', () => {
    expect(broker.ports).to.have.lengthOf(1);
    for (const port of broker.ports) expect(port).to.match(/^127\.0\.0\.1:\d+:6379$/);
  });

  it('keeps its data in a volume that is declared, where the image writes', () => {
    const [name, folder] = (broker.volumes[0] ?? '').split(':');
    expect(Object.keys(volumes)).to.deep.equal([name]);
    expect(folder).to.equal('/data');
  });

  it('has a health check that the image can run', () => {
    expect(broker.image).to.match(/^valkey\/valkey:\d/);
    expect(broker.healthcheck.test).to.deep.equal(['CMD', 'valkey-cli', 'ping']);
  });

  it('starts with its command line: jobs outlive a kill, and none is evicted', async () => {
    const [program, ...words] = broker.command.split(/\s+/);
    expect(program).to.equal('valkey-server');
    const port = await freePort();
    const argv = (folder: string): string[] => [
      ...words,
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
    ];
    const server = await startServer(argv, () => ({ host: '127.0.0.1', port }));
    const redis = new Redis({ ...server.connection, lazyConnect: true });
    redis.on('error', () => undefined); // the restart: ioredis connects again by itself
    try {
      await redis.connect();
      expect(await redis.ping()).to.equal('PONG');
      expect(await redis.config('GET', 'maxmemory-policy')).to.deep.equal(['maxmemory-policy', 'noeviction']);
      expect(await redis.config('GET', 'appendonly')).to.deep.equal(['appendonly', 'yes']);
      expect(await redis.config('GET', 'appendfsync')).to.deep.equal(['appendfsync', 'everysec']);
      await redis.set('job', 'kept');
      await waitFor('the AOF to be on disk', async () =>
        /aof_pending_bio_fsync:0/.test(await redis.info('persistence')),
      );
      await server.restart();
      expect(await redis.get('job')).to.equal('kept');
    } finally {
      redis.disconnect();
      await server.stop();
    }
  });
});
