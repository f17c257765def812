import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { watchSleep } from '../../../src/io/host/sleep-watch.ts';
import { askModel } from '../../../src/io/server/chat.ts';
import { stageErrorOf } from '../../helpers/real-stage.ts';
import { waitFor } from '../../helpers/temp.ts';

const request = { body: { model: 'default_model', messages: [] }, timeout_s: 0.2, retries: 0 };
const answer = JSON.stringify({ model: 'default_model', choices: [{ message: { content: 'yes' } }] });
const signal = new AbortController().signal;

/** Runs `use` against a real server that answers by `listener`. */
async function withServer<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((settle) => server.close(settle));
  }
}

describe('io/chat', () => {
  it('asks again, without counting it, when the machine slept through a time-out', async () => {
    let clock = 0;
    let asked = 0;
    const listener: RequestListener = (_, response) => {
      asked += 1;
      // Twice the lid is closed for an hour while the answer is on its way.
      if (asked <= 2) clock += 3_600_000;
      else response.end(answer);
    };
    const now = () => clock;
    const reply = await withServer(listener, (url) =>
      askModel(request, { url, signal, broken: async () => undefined, now }),
    );
    expect(reply).to.deep.include({ error: null, seconds: 0 });
    expect(asked).to.equal(3);
  });

  it('leaves time asleep out of an answer that came all the same', async () => {
    let clock = 0;
    const listener: RequestListener = (_, response) => {
      clock += 3_601_500;
      response.end(answer);
    };
    const reply = await withServer(listener, (url) =>
      askModel({ ...request, timeout_s: 20 }, { url, signal, broken: async () => undefined, now: () => clock }),
    );
    expect(reply).to.deep.include({ error: null, seconds: 1 });
  });

  it('counts time-outs while the machine is awake', async () => {
    let asked = 0;
    const listener: RequestListener = () => {
      asked += 1;
    };
    const reply = await withServer(listener, (url) =>
      askModel({ ...request, retries: 2 }, { url, signal, broken: async () => undefined }),
    );
    expect(reply).to.deep.include({ response: null, error: 'TIMEOUT' });
    expect(asked).to.equal(3);
  });

  it('asks with half of the tokens after each time-out, with 256 at least, and with the same after anything else', async () => {
    const asked = async (max_tokens: number, first: 'silent' | 'reset'): Promise<readonly number[]> => {
      const tokens: number[] = [];
      const listener: RequestListener = async (incoming, response) => {
        let text = '';
        for await (const part of incoming) text += part;
        tokens.push(JSON.parse(text).max_tokens);
        if (tokens.length === 4) response.end(answer);
        else if (first === 'reset') incoming.socket.resetAndDestroy();
      };
      const body = { ...request.body, max_tokens };
      const reply = await withServer(listener, (url) =>
        askModel(
          { body, timeout_s: first === 'reset' ? 20 : 0.2, retries: 3 },
          { url, signal, broken: async () => undefined },
        ),
      );
      expect(reply).to.deep.include({ error: null, max_tokens: tokens.at(-1), asked_again: first === 'reset' ? 0 : 3 });
      return tokens;
    };
    expect(await asked(900, 'silent')).to.deep.equal([900, 450, 256, 256]);
    expect(await asked(100, 'silent')).to.deep.equal([100, 100, 100, 100]);
    expect(await asked(900, 'reset')).to.deep.equal([900, 900, 900, 900]);
  });

  it('asks why a connection broke before it tries again', async () => {
    let broken = 0;
    const listener: RequestListener = (incoming) => incoming.socket.resetAndDestroy();
    const error = await withServer(listener, (url) =>
      stageErrorOf(
        askModel(
          { ...request, retries: 2 },
          {
            url,
            signal,
            broken: async () => {
              broken += 1;
            },
          },
        ),
      ),
    );
    expect(error.code).to.equal('CONNECTION_RESET');
    expect(broken).to.equal(3);
  });
});

describe('io/sleep-watch', () => {
  it('takes a jump of the wall clock for sleep, in one beat or the beat after, and no jump backwards', async () => {
    let clock = 0;
    const watch = watchSleep(() => clock);
    clock += 4000;
    expect(watch.slept_ms()).to.equal(0);
    clock += 61_000;
    expect(watch.slept_ms()).to.equal(60_000);
    clock -= 100_000;
    expect(watch.slept_ms()).to.equal(60_000);
    clock += 11_000;
    await waitFor('a beat', () => watch.slept_ms() === 70_000);
    watch.stop();
  });
});
