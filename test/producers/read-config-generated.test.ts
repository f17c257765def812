import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { CORE_SCHEMA, FAILSAFE_SCHEMA, load, type Schema } from 'js-yaml';
import { sections } from '../../src/core/config/check-settings.ts';
import { get, getAt, isMapping, type Mapping } from '../../src/core/mapping.ts';
import { phase as phaseSchema } from '../../src/events/phase.ts';
import { packageRoot } from '../../src/io/host/package-root.ts';
import { type ConfigWorkspace, configWorkspace, mlxFacts } from '../helpers/config-workspace.ts';

const configs = 300;

/** Every section, in flow style, as people write it who like short files. */
const short = `phase: short
title: "all of it"
hypothesis: it's the rank
notes: >
  two lines,
  one text
model: models/tiny
data: data/rows
min_rows: { train: 1, valid: 1 }
seeds: [0, 1, 7]
train: { iters: 1000, batch_size: 1, learning_rate: 1.5e-4, num_layers: -1, mask_prompt: true, grad_checkpoint: false, lora_parameters: { rank: 16, dropout: 0.05, scale: 20.0 }, optimizer: adamw, save_every: 200 }
select: { by: suite, suite: suites/small.yaml, prompts: 1 }
fuse: { mode: two_step, q_bits: null, q_group_size: 32 }
cleanup: { keep_checkpoints: selected, keep_model: best }
eval: { suite: suites/small.yaml, system: "", temperature: 0.7, max_tokens: 512, repeats: 3, stop: ["<|im_end|>", '</s>'], chat_template_args: { enable_thinking: false, effort: low }, base: false, cost: false }
baseline: { name: 33b, overall: 82.4, categories: { domain: 60, text_tools: 35.5 } }
criteria: { gate: "overall >= 82.4 && domain > 60", outcomes: [{ when: overall < 23, then: structural }, { then: ambiguous }] }
variants: { q4: { fuse: { mode: direct, q_bits: 4 } }, hot: { eval: { temperature: 1, repeats: 5 } } }
env: { A: "1", B_2: x }
preflight: [[make, data], ["true"]]
cooldown_s: 1.5
`;

const json = `{"phase": "j1", "model": "models/tiny", "data": "data/rows", "seeds": 2,
 "train": {"iters": 20, "mask_prompt": true, "learning_rate": 1e-5},
 "eval": {"suite": "suites/small.yaml", "max_tokens": 12, "stop": ["a", "b"]},
 "criteria": {"gate": "overall > 5"}}
`;

/** The product's own configs, with paths that a test's workspace has. */
async function validConfigs(workspace: ConfigWorkspace): Promise<string[]> {
  const { folder } = packageRoot();
  const files = ['demo/A.yaml', 'demo/B.yaml', 'examples/43a-coder30b.yaml', 'examples/43b-qwen3-14b.yaml'];
  for (const suite of ['suites/agent-27.yaml', 'demo/suite/demo-27.yaml'])
    await workspace.write(suite, await readFile(join(folder, suite), 'utf8'));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const here = texts.map((text) =>
    text.replace(/^model: .*$/m, 'model: models/tiny').replace(/^data: .*$/m, 'data: data/rows'),
  );
  return [...here, short, json];
}

/** The same numbers in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One character that is there or missing where a hand slips. Each takes the places that match and one of its edits. */
const slips: Readonly<Record<string, { readonly at: RegExp; readonly edits: readonly ((found: string) => string)[] }>> =
  {
    space: {
      at: /(?<=\S) (?=\S)|(?<=\w)(?=[:,}\]])/g,
      edits: [(found) => (found === '' ? ' ' : ''), () => '\t', () => '\u00a0'],
    },
    comma: {
      at: /,|(?<=\d)(?=\d)|\.(?=\d)/g,
      edits: [(found) => (found === ',' ? '' : ','), (found) => (found === ',' ? '.' : ',')],
    },
    colon: {
      at: /:|(?<=\w)(?= )/g,
      edits: [(found) => (found === ':' ? '' : ':'), (found) => (found === ':' ? '::' : ':')],
    },
    quote: {
      at: /["']|\b(?=\w)/g,
      edits: [(found) => (found === '' ? '"' : ''), (found) => (found === '"' ? "'" : '"')],
    },
    indent: {
      at: /^ *(?=\w|-|")/gm,
      edits: [(found) => `${found} `, (found) => found.slice(1), (found) => `${found}\t`],
    },
    case: {
      at: /[a-zA-Z]/g,
      edits: [(found) => (found === found.toUpperCase() ? found.toLowerCase() : found.toUpperCase())],
    },
  };

function slipped(text: string, kind: string, random: () => number): string {
  const { at, edits } = slips[kind] ?? expect.fail(`no slip ${kind}`);
  const inComment = (index: number): boolean => /(^|\s)#[^\n]*$/.test(text.slice(0, index));
  const places = [...text.matchAll(at)].filter(({ index }) => !inComment(index));
  const pick = <T>(items: readonly T[]): T =>
    items[Math.floor(random() * items.length)] ?? expect.fail('nothing to pick');
  const { 0: found, index } = pick(places);
  return text.slice(0, index) + pick(edits)(found) + text.slice(index + found.length);
}

/** 300 texts that differ from a valid one by one slip, no two alike; each valid one and each kind as often as the others. */
function generated(valid: readonly string[]): string[] {
  const random = randomNumbers(9);
  const kinds = Object.keys(slips);
  return valid.flatMap((text) => {
    const texts = new Set<string>();
    for (let n = 0; texts.size < configs / valid.length; n++) {
      const changed = slipped(text, kinds[n % kinds.length] ?? '', random);
      if (changed !== text) texts.add(changed);
    }
    return [...texts];
  });
}

/** Without the nulls that mean "as if absent" (all but the bits of fuse), in no list. */
function settled(value: unknown, path: readonly string[] = []): unknown {
  if (!isMapping(value)) return value;
  const kept = Object.entries(value).filter(
    ([key, item]) => item !== null || [...path, key].join('.') === 'fuse.q_bits',
  );
  return Object.fromEntries(kept.map(([key, item]) => [key, settled(item, [...path, key])]));
}

/** Keys with null that no schema knows: what a config may never have. */
function unknownKeys(value: Mapping): string[] {
  const variants = isMapping(value.variants) ? Object.values(value.variants) : [];
  const trains = [value, ...variants].flatMap((one) => Object.keys(get(one, 'train') ?? {}));
  const unrecognized = [
    ...(phaseSchema.safeParse(value).error?.issues ?? []),
    ...variants.flatMap((one) => sections.safeParse(one).error?.issues ?? []),
  ].flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  return [...unrecognized, ...trains.filter((key) => !Object.hasOwn(mlxFacts.defaults, key))];
}

/**
 * js-yaml takes a tab in a flow collection, or behind `- `, for indentation and refuses it. YAML 1.2 has it separate like
 * a space there (s-separate-in-line): only the start of a line indents.
 */
function secondReader(text: string, schema: Schema): unknown {
  try {
    return load(text, { schema });
  } catch (error) {
    if (!String(error).includes('deficient indentation')) throw error;
    return load(text.replaceAll(/(?<=\S.*)\t/g, ' '), { schema });
  }
}

/** What a text says to a second reader of YAML 1.2 and the schema; a text: why it says nothing. */
function meaning(text: string): Mapping | string {
  try {
    const value = secondReader(text, CORE_SCHEMA);
    const names = secondReader(text, FAILSAFE_SCHEMA);
    if (!isMapping(value)) return 'no mapping';
    const unknown = unknownKeys(value);
    if (unknown.length > 0) return `unknown: ${unknown.join(', ')}`;
    const whole = { ...value };
    if (value.phase !== null) whole.phase = getAt(names, ['phase']);
    const baseline = settled(value.baseline);
    if (isMapping(baseline)) whole.baseline = { ...baseline, name: getAt(names, ['baseline', 'name']) };
    const { variants, ...rest } = whole;
    const { seeds, ...config } = phaseSchema.parse({
      ...(settled(rest) as Mapping),
      ...(variants == null ? {} : { variants }),
    });
    return { ...config, seeds: typeof seeds === 'number' ? Array.from({ length: seeds }, (_, seed) => seed) : seeds };
  } catch (error) {
    return String(error).split('\n')[0] ?? '';
  }
}

const holdsNull = (value: unknown): boolean =>
  isMapping(value) && Object.entries(value).some(([key, item]) => (item === null ? key !== 'q_bits' : holdsNull(item)));

describe('a config with a slip of one character', () => {
  it(`is refused, or means what a second YAML reader sees: ${configs} of them`, async function () {
    const workspace = await configWorkspace();
    const valid = await validConfigs(workspace);
    for (const text of valid) expect((await workspace.plan(text)).config).to.deep.equal(meaning(text));
    const count = { refused: 0, equal: 0 };
    for (const text of generated(valid)) {
      const plan = await workspace.plan(text).catch(() => null);
      if (plan === null) {
        count.refused++;
        continue;
      }
      expect(plan.config, text).to.deep.equal(meaning(text));
      expect(holdsNull(secondReader(text, CORE_SCHEMA)) && plan.warnings.length === 0, `silent: ${text}`).to.equal(
        false,
      );
      count.equal++;
    }
    if (this.test) this.test.title += ` (${count.refused} refused, ${count.equal} equal)`;
    expect(count.refused).to.be.above(configs / 3);
    expect(count.equal).to.be.above(configs / 6);
  });
});
