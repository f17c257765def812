import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { StageError } from '../../../src/core/errors.ts';
import type { Cost } from '../../../src/events/cost.ts';
import { evalSettings } from '../../../src/events/stages/eval.ts';
import { measureCost } from '../../../src/workers/stages/model-cost.ts';
import type { Makings } from '../../../src/workers/stages/served-model.ts';
import type { StageContext, Tool } from '../../../src/workers/stages/stage.ts';
import { said, suiteOf } from '../../helpers/answers.ts';
import { demoBase, demoRun, realContext } from '../../helpers/real-stage.ts';
import { tempDir } from '../../helpers/temp.ts';

const figures: Cost = {
  ...{ bits: { base: 4, final: 4 }, step: 0.19, kept: 0.45, snr: 1.1, layers: 28, top1: 0.995, kl: 0.002, tokens: 9 },
  ...{ loss: { base: 2, adapter: 1, final: 1.05 }, gain_kept: 0.95, rows: 123 },
};
const suite = suiteOf([{ id: 'a', prompt: 'call read_file()' }]);

interface Options {
  readonly tool?: (tool: Tool, dir: string) => Promise<void>;
  readonly made?: Makings;
  readonly mode?: 'direct' | 'none';
  readonly cost?: boolean;
  readonly aborted?: boolean;
  readonly data?: string;
  readonly seconds?: number;
}

const writes = (text: string) => async (_tool: Tool, dir: string) => {
  await mkdir(join(dir, 'cost'));
  await writeFile(join(dir, 'cost/cost.json'), text);
};

async function measured({ tool = writes(JSON.stringify(figures)), made, mode = 'direct', ...options }: Options = {}) {
  const [dir, trained] = [await tempDir('attempt'), await tempDir('trained')];
  for (const name of ['adapters', '0000600_adapters']) await writeFile(join(trained, `${name}.safetensors`), name);
  const settings = evalSettings.parse({ suite: '/s.yaml', cost: options.cost ?? true });
  const data = options.data === undefined ? {} : { data: { source: 'd', folder: options.data } };
  const run = demoRun('A', {
    ...data,
    fuse: { mode, q_bits: 4, q_group_size: 64 },
    eval: settings,
  });
  const { context: plain, seen } = realContext(run, dir);
  const tools: Tool[] = [];
  const own: Partial<StageContext> = {
    signal: options.aborted === true ? AbortSignal.abort() : plain.signal,
    async tool(asked) {
      tools.push(asked);
      await tool(asked, dir);
      return 0;
    },
  };
  const context = Object.defineProperties(own, {
    ...Object.getOwnPropertyDescriptors(plain),
    ...Object.getOwnPropertyDescriptors(own),
  }) as StageContext;
  const answers = [{ ...said('hello'), prompt: 'a', seconds: options.seconds ?? 360 }];
  const outside = { adapter: trained, checkpoint: 600, sha256: '' };
  const fuse = { folder: '/made', made: { model: 'model' } };
  const found = await measureCost(context, made ?? { outside, fuse }, { setup: { suite, settings }, answers });
  return { found, seen, tools, trained, dir };
}

describe('workers/model-cost', () => {
  it('asks one tool, after the answers, for what became of the adapter, and warns of what it found', async () => {
    const { found, seen, tools, trained, dir } = await measured();
    expect(found).to.deep.equal(figures);
    expect(seen.warnings).to.deep.equal([
      '4 bits on a 4-bit base, step 0.19, kept 0.45: the adapter is being erased; use 5 or 6 bits',
    ]);
    expect(tools.map(({ name, loadsModel }) => ({ name, loadsModel }))).to.deep.equal([
      { name: 'cost', loadsModel: true },
    ]);
    const argv = tools[0]?.argv ?? [];
    const option = (name: string) => argv[argv.indexOf(name) + 1];
    expect(option('--base')).to.equal(demoBase('A'));
    expect(option('--final')).to.equal('/made/model');
    expect([option('--adapter'), option('--weights')]).to.deep.equal([trained, '0000600_adapters.safetensors']);
    expect(option('--seconds'), 'a quarter of an eval whose answers took 6 minutes').to.equal('120');
    const short = (await measured({ seconds: 9 })).tools[0]?.argv ?? [];
    expect(short[short.indexOf('--seconds') + 1], 'a minute at least').to.equal('60');
    expect(await readFile(join(dir, 'cost-answers.jsonl'), 'utf8')).to.contain('"content":"hello"');
    expect(seen.inputs).to.have.all.keys('base', 'adapter', 'valid');
  });

  it('is null without a word when there is nothing to measure or it was not requested', async () => {
    const fuse = { folder: '/made', made: { model: 'model' } };
    for (const options of [{ mode: 'none' }, { cost: false }, { made: { fuse } }, { made: {} }] satisfies Options[]) {
      const { found, seen, tools } = await measured(options);
      expect({ found, warnings: seen.warnings, tools }).to.deep.equal({ found: null, warnings: [], tools: [] });
    }
  });

  it('fails no run: null, and a warning that says why', async () => {
    const lost = async () => {
      throw new StageError('OUT_OF_MEMORY', 'killed');
    };
    for (const [tool, what] of [
      [lost, 'killed'],
      [writes('{"kept": 1}'), 'cost.json'],
      [writes('{"kept": '), 'JSON'],
      [async () => undefined, 'does not exist'],
    ] as const) {
      const { found, seen } = await measured({ tool });
      expect(found).to.equal(null);
      expect(seen.warnings).to.have.length(1);
      expect(seen.warnings[0])
        .to.match(/^what fusing and quantizing cost could not be measured: /)
        .and.contain(what);
    }
  });

  it('measures without a loss when the data are gone', async () => {
    const { found, seen, tools } = await measured({ data: '/gone' });
    expect(found).to.deep.equal(figures);
    expect(seen.warnings[0]).to.equal(
      '/gone/valid.jsonl no longer exists, so what fusing cost in loss was not measured',
    );
    expect(tools[0]?.argv).to.not.include('--data');
  });

  it('continues when phasebox is started again, instead of failing', async () => {
    const stopped = async () => {
      throw new StageError('STOPPED', 'the tool continues');
    };
    const error = await measured({ tool: stopped }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(StageError);
    const aborted = await measured({ tool: () => Promise.reject(new Error('gone')), aborted: true }).catch(
      () => 'thrown',
    );
    expect(aborted).to.equal('thrown');
  });
});
