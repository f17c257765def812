import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { type Cost, cost } from '../../src/events/cost.ts';
import { costCommand } from '../../src/events/stages/eval.ts';
import { withDefaults } from '../../src/events/stages/train.ts';
import { demoBase, demoData, testPython } from '../helpers/real-stage.ts';
import { tempDir } from '../helpers/temp.ts';

const here = import.meta.dirname;
const fixture = (name: string): string => resolve(here, '../fixtures/cost', name);
const driver = resolve(here, '../../python/model_cost.py');
const env = { MLX_DISABLE_COMPILE: '1', PYTHONDONTWRITEBYTECODE: '1' };

const kinds = ['moe-quantized', 'moe-float', 'dense-quantized', 'dense-float'] as const;
type Kind = (typeof kinds)[number];

/** Figures of one case; `lumped`: with the vocabulary's tail as one token; `pieces`: experts one after the other. */
type Figures = Omit<Cost, 'bits'> & {
  readonly lumped: { readonly kl: number; readonly outside: number };
  readonly pieces: Pick<Cost, 'step' | 'kept' | 'snr'>;
};

const answers = [
  ['open app.py', '<tool_call><function=read_file>\n<parameter=name>\napp.py\n</parameter>\n</function></tool_call>'],
  ['lint store.py', '<tool_call><function=execute_code>\n<parameter=code>\nresult = lint("store.py")\n</parameter>\n'],
  ['is the schema of models.py valid', 'The schema of models.py looks right to me .', 'The user wants prose .'],
].map(([asked, content, reasoning = '']) => ({
  messages: [
    { role: 'system', content: 'You are a coding assistant.' },
    { role: 'user', content: asked },
  ],
  ...{ content, reasoning, finish_reason: 'stop' },
}));

const close = (found: number | null, wanted: number | null, what: string): void => {
  if (found === null || wanted === null) expect(found, what).to.equal(wanted);
  else expect(found, what).to.be.closeTo(wanted, 1e-4 * Math.max(1, Math.abs(wanted)));
};

describe('python/model_cost.py, against the same figures in plain NumPy', () => {
  let folder: string;
  const measured = new Map<Kind, Cost & { readonly peak_gb: Record<string, number> }>();
  const plain = new Map<Kind, Figures>();

  before(async () => {
    folder = await tempDir('cost');
    await execa(testPython, [fixture('make_cases.py'), demoBase('A'), demoBase('B'), folder], { env });
    const text = answers.map((answer) => `${JSON.stringify(answer)}\n`).join('');
    for (const kind of kinds) {
      const at = (name: string): string => join(folder, kind, name);
      await execa('mkdir', [at('cost')]);
      await writeFile(at('cost-answers.jsonl'), text);
      const call = { adapter: at('adapter'), weights: 'adapters.safetensors', final: at('final') };
      const tools = { python: testPython, driver: () => driver, baseModel: at('base') };
      const { argv } = costCommand({ ...call, data: demoData, train: withDefaults({}), seconds: 600 }, tools);
      const [python = '', ...rest] = argv;
      await execa(python, rest, { env, cwd: join(folder, kind) });
      measured.set(kind, JSON.parse(await readFile(at('cost/cost.json'), 'utf8')));
    }
    const cases = kinds.map((kind) => join(folder, kind));
    const argv = [fixture('oracle.py'), join(folder, 'moe-float/cost-answers.jsonl'), demoData, ...cases];
    const { stdout } = await execa(testPython, argv, { env });
    const found = stdout.split('\n').filter((line) => line.startsWith('{'));
    for (const [index, kind] of kinds.entries()) plain.set(kind, JSON.parse(found[index] ?? ''));
  });

  for (const kind of kinds) {
    it(`${kind}: step, kept, snr, top-1, KL and losses`, () => {
      const [found, wanted] = [measured.get(kind), plain.get(kind)];
      if (found === undefined || wanted === undefined) throw new Error('not measured');
      cost.strip().parse(found);
      expect(found.bits).to.deep.equal(kind.endsWith('float') ? { base: null, final: 5 } : { base: 4, final: 4 });
      for (const name of ['layers', 'tokens', 'rows'] as const) expect(found[name], name).to.equal(wanted[name]);
      for (const name of ['step', 'kept', 'snr', 'top1', 'kl', 'gain_kept'] as const)
        close(found[name], wanted[name], name);
      for (const name of ['base', 'adapter', 'final'] as const)
        close(found.loss?.[name] ?? null, wanted.loss?.[name] ?? null, `loss of ${name}`);
      // what is measured must be there to be measured
      expect(found.kl).to.be.greaterThan(1e-4);
      expect(found.loss?.base).to.not.equal(found.loss?.adapter);
    });
  }

  it('a sample where there is little time: the same rows for every model, and how many of how many', async () => {
    const figuresOf = async (kind: Kind, seconds: number): Promise<Cost> => {
      const at = (name: string): string => join(folder, kind, name);
      const call = { adapter: at('adapter'), weights: 'adapters.safetensors', final: at('final'), data: demoData };
      const tools = { python: testPython, driver: () => driver, baseModel: at('base') };
      const [python = '', ...rest] = costCommand({ ...call, train: withDefaults({}), seconds }, tools).argv;
      await execa(python, rest, { env, cwd: join(folder, kind) });
      return cost.strip().parse(JSON.parse(await readFile(at('cost/cost.json'), 'utf8')));
    };
    const whole = measured.get('dense-float');
    const [one, two] = [await figuresOf('dense-float', 0), await figuresOf('dense-float', 1)];
    expect(one).to.include({ rows: 8, rows_of: whole?.rows, answers: 3, answers_of: 3 });
    expect(two).to.deep.include({ rows: 8, loss: one.loss });
    expect(one.loss?.base).to.not.equal(whole?.loss?.base);
    expect(one).to.include({ top1: whole?.top1, tokens: whole?.tokens });
  });

  it('a sample chosen by the time of the final model too, which can take many times as long as its base', async () => {
    const script = [
      'import sys, types, json',
      `sys.path.insert(0, ${JSON.stringify(resolve(here, '../../python'))})`,
      'import cost_watch, data_tokens, model_cost as m',
      // A clock that only the models move: a token takes 0.1 s with the final model, and no time with the others.
      'clock = [0.0]',
      'cost_watch.time = types.SimpleNamespace(monotonic=lambda: clock[0])',
      'data_tokens.load_tokenizer = lambda *args, **keys: None',
      'm.read_texts = lambda *args: ([(list(range(10)), 1)] * 100, [])',
      'm.load_model, m.add_adapter = lambda folder: folder, lambda model, args: model',
      'def loss_sum(model, rows, tell):',
      '  clock[0] += 0.1 * 10 * len(rows) if model == "final" else 0',
      '  return 1.0, len(rows)',
      'import answer_loss, cost_answers',
      'answer_loss.loss_sum = loss_sum',
      'cost_answers.likeliest, cost_answers.agreement = lambda *args: [], lambda *args: {}',
      'm.peak_gb = lambda: 0',
      'def rows(seconds):',
      '  clock[0] = 0.0',
      '  figures = m.Measurement(types.SimpleNamespace(base="base", final="final"), cost_watch.Watch(seconds)).figures()',
      '  return [figures["rows"], clock[0]]',
      'print(json.dumps([rows(10), rows(40), rows(1000), rows(None)]))',
    ];
    const { stdout } = await execa(testPython, ['-c', script.join('\n')], { env });
    expect(JSON.parse(stdout.split('\n').at(-1) ?? '')).to.deep.equal([
      [8, 8],
      [32, 32],
      [100, 100],
      [100, 100],
    ]);
  });

  it('samples of which each is a part of the next larger one, whatever the order of the file', async () => {
    const script = [
      'import sys, random, json',
      `sys.path.insert(0, ${JSON.stringify(resolve(here, '../../python'))})`,
      'import cost_sample as s',
      'rows = [([n, n + 1, n * 7], 1) for n in range(100)]',
      'other = list(rows)',
      'random.shuffle(other)',
      'one, two = s.in_order(rows), s.in_order(other)',
      'sizes = [len(s.sample(one, 1, seconds)) for seconds in (0, 95, 96, 299, 300)]',
      'print(json.dumps([one == two, one == rows, sizes, len(s.sample(one, 1, None)), len(s.sample([], 1, 0))]))',
    ];
    const { stdout } = await execa(testPython, ['-c', script.join('\n')], { env });
    expect(JSON.parse(stdout)).to.deep.equal([true, false, [8, 8, 32, 32, 100], 100, 0]);
  });

  it('experts one after the other, as in a large model, give the same', () => {
    for (const [kind, { pieces }] of plain)
      for (const name of ['step', 'kept', 'snr'] as const)
        close(pieces[name], measured.get(kind)?.[name] ?? null, name);
  });

  it('a vocabulary that is larger than what is kept of it: KL is a little too low, never too high', () => {
    for (const [kind, { kl, lumped }] of plain) {
      expect(lumped.outside, kind).to.be.within(1e-5, 0.2);
      expect(lumped.kl, kind).to.be.within(0.8 * (kl ?? 0), (kl ?? 0) + 1e-6);
    }
  });
});
