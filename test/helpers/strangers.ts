import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { xml } from './answers.ts';
import { demoBase } from './real-stage.ts';

/** A Hub cache as huggingface_hub lays it out, with whole models: any server that looks there can load them. */
export async function hubCache(folder: string, bases: readonly ('A' | 'B')[]): Promise<string> {
  const cache = join(folder, 'hub');
  for (const base of bases) {
    const model = join(cache, `models--other--${base.toLowerCase()}`);
    const commit = base.toLowerCase().repeat(40);
    await cp(demoBase(base), join(model, 'snapshots', commit), { recursive: true });
    await mkdir(join(model, 'refs'), { recursive: true });
    await writeFile(join(model, 'refs/main'), commit);
  }
  return cache;
}

/** Healthy, knows no page that does not exist, echoes whatever model it is asked for, and gives perfect answers. */
function lookAlike(onAsked: () => void): Server {
  return createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      if (request.method === 'GET') {
        response.statusCode = request.url === '/health' ? 200 : 404;
        return response.end('{"status": "ok"}');
      }
      onAsked();
      const message = { role: 'assistant', content: xml('execute_code', 'read_file(); lint(); git_status()') };
      const choices = [{ index: 0, finish_reason: 'stop', message }];
      return response.end(JSON.stringify({ model: 'default_model', choices }));
    });
  });
}

/**
 * Takes the port of every server that `command` (its command.json) tells of, at most `most`, before the Python that was
 * started for it gets to its bind. `close` tells how many ports it took and how often it was asked for an answer.
 */
export function grabPorts(command: string, most: number): { close(): Promise<{ taken: number; asked: number }> } {
  const ports = new Set<string>();
  const servers: Server[] = [];
  let asked = 0;
  let over = false;
  const grabbing = (async () => {
    for (; !over; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const text = await readFile(command, 'utf8').catch(() => '');
      const port = /"--port","(\d+)"/.exec(text)?.[1];
      if (port === undefined || ports.has(port) || ports.size === most) continue;
      ports.add(port);
      const server = lookAlike(() => {
        asked++;
      });
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(Number(port), '127.0.0.1', resolve);
      });
    }
  })();
  return {
    async close() {
      over = true;
      await grabbing;
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      return { taken: servers.length, asked };
    },
  };
}
