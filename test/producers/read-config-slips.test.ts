import { expect } from 'chai';
import { type ConfigWorkspace, configWorkspace } from '../helpers/config-workspace.ts';

const good = `phase: 43a
model: models/tiny
data: data/rows
train: { iters: 20 }
eval: { suite: suites/small.yaml }
`;
/** The same with another train section. */
const training = (train: string): string => good.replace('{ iters: 20 }', train);

/** A slip that makes a key without a value, and what its author reads about it. */
const refused: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'no space behind the colons',
    `${training('{iters:800, mask_prompt:true}')}criteria: {gate:overall>=80}\nfuse: {q_bits:4}\nmin_rows: {train:9}\n`,
    [
      '4: train.iters:800: unknown key | write a space after the colon: `iters: 800`',
      '4: train.mask_prompt:true: unknown key | write a space after the colon: `mask_prompt: true`',
      '6: criteria.gate:overall>=80: unknown key | write a space after the colon: `gate: overall>=80`',
      '7: fuse.q_bits:4: unknown key | write a space after the colon: `q_bits: 4`',
      '8: min_rows.train:9: unknown key | write a space after the colon: `train: 9`',
    ],
  ],
  [
    'no space, and a slip in the name',
    training('{itres:800}'),
    ['4: train.itres:800: unknown key | write a space after the colon: `iters: 800`'],
  ],
  [
    'a thousands comma',
    training('{ iters: 1,000, save_every: 100 }'),
    ['4: train.000: unknown key | `1,000` is two entries in YAML: write 1000'],
  ],
  [
    'two thousands commas',
    training('{ iters: 1,000,000 }'),
    ['4: the key 0 occurs twice; allowed: once | `1,000,000` is three entries in YAML: write 1000000'],
  ],
  [
    'a decimal comma',
    training('{ iters: 20, learning_rate: 1,5e-4 }'),
    ['4: train.5e-4: unknown key | `1,5e-4` is two entries in YAML: write 1.5e-4'],
  ],
  [
    'bare names, one of them an option of a command line',
    training('{ iters: 20, mask_promt, --grad-checkpoint, save_every }'),
    [
      '4: train.mask_promt: unknown key | a bare name has no value: `mask_prompt: true`',
      '4: train.--grad-checkpoint: unknown key | a bare name has no value: `grad_checkpoint: true`',
      '4: train.save_every: a value is missing | a bare name has no value: `save_every: VALUE`',
    ],
  ],
  [
    'a known bare name, also as `? key`',
    `${training('{ iters: 20, mask_prompt }')}? download\n`,
    [
      '4: train.mask_prompt: a value is missing | a bare name has no value: `mask_prompt: true`',
      '6: download: a value is missing | a bare name has no value: `download: true`',
    ],
  ],
  [
    'unknown keys that say null or nothing',
    `${training('{ iters: 20, seed: null }')}nots:\nfuse: { q_bit: ~ }\n`,
    [
      '4: train.seed: phasebox sets this | write `seeds:` in the phase, outside train',
      '6: nots: unknown key; did you mean "notes"?',
      '7: fuse.q_bit: unknown key; did you mean "q_bits"?',
    ],
  ],
  [
    'keys that any mapping may have, without a value',
    `${training('{ iters: 20, lora_parameters: {rank:8, rank: 8, dropout: 0, scale: 20} }').replace(
      'small.yaml',
      'small.yaml, chat_template_args: {enable_thinking:false}',
    )}env: {A:1}\n`,
    [
      '4: train.lora_parameters.rank:8: a value is missing | write a space after the colon: `rank: 8`',
      '5: eval.chat_template_args.enable_thinking:false: a value is missing | write a space after the colon: `enable_thinking: false`',
      '6: env.A:1: a value is missing | write a space after the colon: `A: 1`',
    ],
  ],
  [
    'slips in variants, baseline and outcomes',
    `${good}variants: { q4: { fuse: {q_bits:4}, evl: null }, r }
baseline: { name: x, overall:82.4 }
criteria: { outcomes: [{ when: overall > 1, then: a, wen:b }] }\n`,
    [
      '6: variants.q4.fuse.q_bits:4: unknown key | write a space after the colon: `q_bits: 4`',
      '6: variants.q4.evl: unknown key; did you mean "eval"?',
      '6: variants.r: a value is missing | a bare name has no value: `r: VALUE`',
      '7: baseline.overall:82.4: unknown key | write a space after the colon: `overall: 82.4`',
      '8: criteria.outcomes[0].wen:b: unknown key | write a space after the colon: `when: b`',
    ],
  ],
  [
    'bits that are left open, since no bits are a choice',
    `${good}fuse: { q_bits: }\n`,
    ['6: fuse.q_bits: a value is missing | write one, or `q_bits: null`'],
  ],
  [
    'commas in numbers in block style',
    `${training('\n  iters: 1,000\n  learning_rate: 1,5e-4\n  grad_checkpoint: 1,5')}seeds: 1,2\n`,
    [
      '5: train.iters: a number is expected | a number has no comma: write 1000',
      '6: train.learning_rate: a number is expected | a number has no comma: write 1.5e-4',
      "7: train.grad_checkpoint: true or false is expected (mlx_lm's default: false)",
      '9: seeds: allowed: a whole number, or a list | write a list: [1, 2]',
    ],
  ],
  [
    'ends of lines as JSON has them',
    training('\n  iters: 800,\n  mask_prompt: true,\n  save_every: 10;\n  grad_checkpoint: "True"'),
    [
      '5: train.iters: a number is expected | YAML has no , at the end of a line: write 800',
      '6: train.mask_prompt: true or false is expected | YAML has no , at the end of a line: write true',
      '7: train.save_every: a number is expected | YAML has no ; at the end of a line: write 10',
      "8: train.grad_checkpoint: true or false is expected (mlx_lm's default: false) | write it without quotes: true",
    ],
  ],
  [
    'a section that is one word',
    training('\n  iters:800\n  batch_size:1'),
    ['4: train: a mapping (`key: value`) is expected | write a space after the colon: `iters: 800`'],
  ],
  [
    'spaces that are none',
    `${training('{ iters: "20\u00a0", mask_prompt\u00a0: true }')}mask\u2009: 1\n`,
    [
      '4: train.iters: a number is expected | there is a non-breaking space (\\xa0) in it: type a plain one, or none',
      '4: train.mask_prompt\\xa0: the installed mlx_lm does not know this key; did you mean "mask_prompt"? | there is a non-breaking space (\\xa0) in this key: type a plain one, or none',
      '6: mask\\u2009: unknown key | there is an unusual space (\\u2009) in this key: type a plain one, or none',
    ],
  ],
  [
    'spaces that are none behind the colon in a flow mapping, and in a section that is one word',
    `${training('{ iters:\u00a020, num_layers:\u30001, mask_prompt:\u00a0true\u00a0, save\u200b_every }')}env: { A:\u00a0b }\nfuse: q_bits:\u00a04\n`,
    [
      '4: train.iters:\\xa020: unknown key | there is a non-breaking space (\\xa0) in this entry: type a plain one, or none',
      '4: train.num_layers:\\u30001: unknown key | there is an unusual space (\\u3000) in this entry: type a plain one, or none',
      '4: train.mask_prompt:\\xa0true\\xa0: unknown key | there is a non-breaking space (\\xa0) in this entry: type a plain one, or none',
      '4: train.save\\u200b_every: unknown key | there is an unusual space (\\u200b) in this entry: type a plain one, or none',
      '6: env.A:\\xa0b: a value is missing | there is a non-breaking space (\\xa0) in this entry: type a plain one, or none',
      '7: fuse: a mapping (`key: value`) is expected | there is a non-breaking space (\\xa0) in it: type a plain one, or none',
    ],
  ],
  [
    'bare entries that are no names',
    `${training('{ "iters: 20", "a b", "mask_prompt : true" }')}env: { "A: b" }\n`,
    [
      '4: train.iters: 20: unknown key | quotes make one word of it: write `iters: 20`',
      '4: train.a b: unknown key | every entry needs a key and a value: `key: value`',
      '4: train.mask_prompt : true: unknown key | quotes make one word of it: write `mask_prompt: true`',
      '6: env.A: b: a value is missing | quotes make one word of it: write `A: b`',
    ],
  ],
  [
    'a slip in `from`, with what it names',
    good.replace(/train.*\n/, 'from: { adapter: nowhere, checkpoint:600 }\n').replace(/data.*\n/, ''),
    [
      '3: from.checkpoint:600: unknown key | write a space after the colon: `checkpoint: 600`',
      '3: from.adapter: the folder WS/nowhere does not exist | relative paths are resolved from the workspace',
    ],
  ],
  [
    '`from` with a stage that is none, and a run that is none',
    'phase: 43a\nfrom: { run: x-s0, after: fus }\neval: { suite: suites/small.yaml }\n',
    [
      '2: from.after: allowed: train, select, fuse, quantize | did you mean "fuse"?',
      '2: from.run: there is no such run; allowed: a run of an accepted phase, such as `43a-s0`',
    ],
  ],
];

describe('a key without a value', () => {
  let workspace: ConfigWorkspace;
  before(async () => {
    workspace = await configWorkspace();
  });

  /** `line: path: message | hint`, without the list of what is allowed. */
  const told = async (text: string): Promise<string[]> =>
    (await workspace.reasons(text)).split('\n\n').map((block) => {
      const [first = '', ...rest] = block.split('\n');
      const hint = rest.filter((line) => !line.startsWith('    seen: ')).map((line) => ` | ${line.trim()}`);
      return `${first.replace(/^a\.yaml:/, '').replace(/[;?] allowed here: .*/i, (list) => (list[0] === '?' ? '?' : ''))}${hint.join('')}`;
    });

  for (const [what, text, expected] of refused)
    it(`is refused: ${what}`, async () => expect(await told(text)).to.eql(expected));

  it('keeps the default of a known key that is left empty, and warns', async () => {
    const text = `${training('\n  iters: 20\n  mask_prompt:\n  grad_checkpoint:\n  save_every: null')}notes:\ntitle: ~\n`;
    const { config, warnings } = await workspace.plan(text);
    expect(config.train).to.eql({ iters: 20 });
    expect(config).to.not.have.any.keys('notes', 'title');
    expect(warnings).to.eql([
      'line 6: train.mask_prompt is empty, so its default applies; write a value, or null if that is intended',
      'line 7: train.grad_checkpoint is empty, so its default applies; write a value, or null if that is intended',
      'line 10: notes is empty, so its default applies; write a value, or null if that is intended',
    ]);
  });

  it('is warned of where ~ alone stands for a path, which YAML reads as null', async () => {
    const base = `${good}select: { by: suite, suite: suites/small.yaml }\nbaseline: { name: x, suite: suites/small.yaml, overall: 1 }\n`;
    await workspace.write('full.yaml', base);
    const text = (home: string): string =>
      `phase: b\nextends: full.yaml\ntitle: ~\ntrain: { resume_adapter_file: ${home} }\nselect: null\nbaseline: { suite: ${home} }\n`;
    const aboutNull = async (home: string): Promise<string[]> =>
      (await workspace.plan(text(home))).warnings.filter((warning) => warning.startsWith('line '));
    expect(await aboutNull('null')).to.eql([]);
    expect(await aboutNull('~')).to.eql(
      ['line 4: train.resume_adapter_file', 'line 6: baseline.suite'].map(
        (place) =>
          `${place}: ~ alone is null in YAML, so its default applies; write "~" in quotes for the home folder, or null if that is intended`,
      ),
    );
    const hint = '~ alone is null in YAML: write "~" in quotes for the home folder';
    expect(await told('phase: b\nfrom: { model: ~ }\neval: { suite: ~ }\n')).to.eql([
      `2: from.model: a value is missing | ${hint}`,
      '2: from: allowed: { run, after }, or { model }, or { adapter, checkpoint }',
      `3: eval.suite: a value is missing | ${hint}`,
    ]);
  });

  it('is not made by a comma in a list, so what looks like one number is warned of', async () => {
    const list = good.replace('small.yaml', 'small.yaml, chat_template_args: { budgets: [5, 1,000,000] }');
    const text = `${list}seeds: [1,000, 100,200,  7, 012]\n`;
    const { config, warnings } = await workspace.plan(text);
    expect(config.seeds).to.eql([1, 0, 100, 200, 7, 12]);
    expect(warnings).to.eql([
      'line 5: eval.chat_template_args.budgets[1]: `1,000,000` is three entries in YAML: write 1000000, or a space behind each comma',
      'line 6: seeds[0]: `1,000` is two entries in YAML: write 1000, or a space behind each comma',
    ]);
  });

  it('takes away what is inherited, in a file that extends and in a variant', async () => {
    await workspace.write(
      'base.yaml',
      `${training('{ iters: 20, save_every: 5, batch_size: 2 }')}fuse: { q_bits: 4 }\n`,
    );
    const { config, runs, warnings } = await workspace.plan(
      `phase: b\nextends: base.yaml\ntrain: { save_every: null, batch_size: }\nfuse: { q_bits: null }
variants: { v: { train: { iters: null, grad_checkpoint: null } } }\n`,
    );
    expect(config.train).to.eql({ iters: 20 });
    expect(config.fuse).to.include({ q_bits: null });
    expect(runs[1]?.settings.train).to.eql({});
    expect(warnings)
      .to.have.length(1)
      .and.to.match(/^line 3: train\.batch_size is empty/);
  });

  it('is refused, and warned of, in the file that is extended as well', async () => {
    await workspace.write('slip.yaml', training('{iters:800, seed: null}'));
    const reasons = await workspace.reasons('phase: b\nextends: slip.yaml\n');
    expect(reasons).to.match(/^slip\.yaml:4: train\.iters:800: unknown key\n {4}write a space after the colon/);
    expect(reasons).to.contain('slip.yaml:4: train.seed: phasebox sets this');
    await workspace.write('empty.yaml', `${good}notes:\n`);
    const { warnings } = await workspace.plan('phase: b\nextends: empty.yaml\n');
    expect(warnings)
      .to.have.length(1)
      .and.to.match(/^empty\.yaml: line 6: notes is empty/);
  });

  it('is refused, and warned of, in a suite', async () => {
    const suite = (prompt: string): string => `suite: s\nsystem:\nprompts:\n  - { id: a, category: git, ${prompt} }\n`;
    const text = good.replace('small.yaml', 'own.yaml');
    await workspace.write('suites/own.yaml', suite('prompt: p, expect: [x], max_tokens:900, match'));
    expect(await workspace.reasons(text)).to.match(
      /max_tokens:900: unknown key\n {4}write a space.*\n\n.*match: a value is/s,
    );
    await workspace.write('suites/own.yaml', suite('prompt: p, expect: [x], max_tokens: null'));
    const { warnings } = await workspace.plan(text);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/suites\/own\.yaml: line 2: system is empty/);
  });

  it('lists what is allowed once, however many keys are unknown', async () => {
    const reasons = await workspace.reasons(
      `${good}modl: 1\nseedz: 1\nvariants: { q4: { a: 1, b: 2 }, q5: { c: 1 } }\n`,
    );
    expect(reasons.match(/unknown key/g)).to.have.length(5);
    expect(reasons.match(/allowed here: phase, /gi)).to.have.length(1);
    expect(reasons.match(/allowed here: train, select/gi)).to.have.length(1);
  });
});
