import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type Chain, config, makeChain } from '../helpers/chain.ts';

const clock = resolve(import.meta.dirname, '../fixtures/shift-clock.mjs');
const system = 'Call the tools.';

let chain: Chain;

/** A copy of a demo model with another chat template; its path as a config has it. */
async function modelWith(template: string): Promise<string> {
  const name = 'models/own';
  const folder = join(chain.root, name);
  await cp(join(chain.root, 'demo/models/A-base'), folder, { recursive: true });
  const file = join(folder, 'tokenizer_config.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...tokenizer, chat_template: template }));
  return `./${name}`;
}

const evaluated = (more: object = {}): object => ({ suite: 'four.yaml', base: false, cost: false, ...more });

const dayOf = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

describe('the suite and the chat template', () => {
  beforeEach(async () => {
    chain = await makeChain();
  });
  afterEach(() => chain.remove());

  it('a template that refuses the system prompt is refused by submit, plan and inbox, in every place that asks', async () => {
    const model = await modelWith("{{ raise_exception('no system turn here') }}");
    const wrong = await chain.write('wrong.yaml', config('wrong', { model, eval: evaluated({ system }) }));
    for (const command of ['submit', 'plan']) {
      const { code, err } = await chain.phasebox(command, wrong);
      expect([command, code]).to.eql([command, 2]);
      for (const text of ['eval.suite', 'prompts p0 and 3 more', 'no system turn here', '`eval.system: ""`'])
        expect(err, command).to.contain(text);
    }
    expect(await chain.calls('render_prompts'), 'plan finds what submit kept').to.have.length(1);
    const variants = { loud: { eval: { system } } };
    const variant = await chain.write('variant.yaml', config('variant', { model, variants }));
    const whole = { phase: 'whole', from: { model }, eval: evaluated({ system }) };
    const selected = { model, select: { by: 'suite', suite: 'strict.yaml' } };
    await chain.write('strict.yaml', `system: ${system}\n${await chain.read('four.yaml')}`);
    const others = [
      [variant, 'variants.loud.eval.suite'],
      [await chain.write('whole.yaml', JSON.stringify(whole)), 'eval.suite'],
      [await chain.write('select.yaml', config('select', selected)), 'select.suite'],
    ] as const;
    for (const [file, path] of others)
      expect((await chain.phasebox('submit', file)).err, file).to.contain(`${path}: the chat template refuses`);
    await chain.write('inbox/wrong.yaml', await chain.read('wrong.yaml'));
    const up = await chain.phasebox('up', '--once', '--no-dashboard');
    expect(up.code).to.equal(2);
    expect(await chain.read('inbox/rejected/wrong.yaml.reasons.txt')).to.contain('no system turn here');
    const right = await chain.write('right.yaml', config('right', { model, eval: evaluated({ system: '' }) }));
    expect((await chain.phasebox('submit', right)).code).to.equal(0);
    expect(await chain.calls('lora')).to.eql([]);
  });

  it('a seed that is added days later is asked the prompts of the first day; another phase is not', async () => {
    const model = await modelWith('{{ strftime_now("%d %b %Y") }}');
    const file = (phase: string, seeds: readonly number[]): Promise<string> =>
      chain.write(`${phase}.yaml`, config(phase, { model, seeds, eval: evaluated() }));
    const earlier = { NODE_OPTIONS: `--import=${clock}`, CLOCK_DAYS: '-3' };
    const under = async (env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
      (await chain.startUnder(env, ...args)).ended;
    const submitted = await under(earlier, 'submit', await file('dated', [0]));
    expect(submitted.err).to.contain("eval.suite: the chat template prints today's date");
    expect((await under(earlier, 'up', '--once', '--no-dashboard')).code).to.equal(0);
    await chain.phasebox('submit', await file('dated', [0, 1]));
    await chain.phasebox('submit', await file('today', [0]));
    const night = [dayOf(0)];
    expect((await chain.phasebox('up', '--once', '--no-dashboard')).code).to.equal(0);
    night.push(dayOf(0));
    const [first, later, other] = await chain.rows();
    expect([first?.run, later?.run, other?.run]).to.eql(['dated-s0', 'dated-s1', 'today-s0']);
    expect(first?.custody.prompts).to.match(/^[0-9a-f]{64}$/);
    expect(later?.custody.prompts_date).to.equal(first?.custody.prompts_date);
    expect(other?.custody.prompts_date).to.be.oneOf(night).and.not.equal(first?.custody.prompts_date);
    expect(later?.eval_identity).to.equal(first?.eval_identity);
    expect(other?.eval_identity).not.to.equal(first?.eval_identity);
    const same = await chain.phasebox('diff', 'dated-s0', 'dated-s1');
    expect(same.out).to.contain('seed').and.not.contain('rendered prompts');
    expect((await chain.phasebox('diff', 'dated-s0', 'today-s0')).out).to.match(
      /rendered prompts .*Check this first: rendered prompts/s,
    );
    const compared = await chain.phasebox('compare', 'dated', 'today', '--json');
    expect(JSON.parse(compared.out)).to.deep.include({
      alike: false,
      measured: { differ: ['prompts'], unrecorded: [] },
    });
    expect(await chain.read('artifacts/COMPARISON.md')).to.match(/Not measured alike\*\*: the rendered prompts/);
    expect(await chain.read('artifacts/runs.md')).to.contain(`rendered prompts (dated ${first?.custody.prompts_date})`);
  });
});
