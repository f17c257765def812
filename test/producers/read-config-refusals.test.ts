import { expect } from 'chai';
import { configWorkspace } from '../helpers/config-workspace.ts';

const good = `phase: 43a
model: models/tiny
data: data/rows
train: { iters: 20 }
eval: { suite: suites/small.yaml }
`;

/** Config and the reasons that its author reads. Each is `good` with a slip, unless it is not YAML at all. */
const table: readonly (readonly [string, string, string])[] = [
  [
    'wrong type',
    good.replace('iters: 20', 'iters: many'),
    `a.yaml:4: train.iters: a number is expected
    seen: "many"`,
  ],
  [
    'a broken number',
    good.replace('iters: 20', 'iters: 20.5'),
    `a.yaml:4: train.iters: a whole number is expected
    seen: 20.5`,
  ],
  [
    'a number in quotes',
    good.replace('iters: 20', 'iters: "1_000"'),
    `a.yaml:4: train.iters: a number is expected
    seen: "1_000"
    write it as a number, without quotes: 1000`,
  ],
  [
    'yes for true',
    `${good}download: yes\n`,
    `a.yaml:6: download: true or false is expected
    seen: "yes"
    YAML 1.2 reads yes as text: write true`,
  ],
  [
    'unknown key',
    good.replace('model:', 'modle:'),
    `a.yaml:2: modle: unknown key; did you mean "model"? Allowed here: phase, title, hypothesis, notes, model, revision, download, data, min_rows, seeds, train, select, fuse, cleanup, eval, baseline, criteria, variants, from, extends, env, memory_gb, preflight, cooldown_s

a.yaml: model: required: the base model, a folder or a hub id`,
  ],
  [
    'unknown key in a section',
    `${good}fuse: { q_bit: 4 }\n`,
    `a.yaml:6: fuse.q_bit: unknown key; did you mean "q_bits"? Allowed here: mode, q_bits, q_group_size`,
  ],
  [
    'value that is none',
    `${good}fuse: { mode: two-step, q_bits: 7 }\n`,
    `a.yaml:6: fuse.mode: allowed: direct, two_step, none
    seen: "two-step"
    did you mean "two_step"?

a.yaml:6: fuse.q_bits: allowed: 2, 3, 4, 5, 6, 8 or null
    seen: 7`,
  ],
  [
    'unknown train key',
    good.replace('iters: 20', 'learning-rate: 1e-4'),
    `a.yaml:4: train.learning-rate: the installed mlx_lm does not know this key; did you mean "learning_rate"? Allowed here: batch_size, clear_cache_threshold, fine_tune_type, grad_accumulation_steps, grad_checkpoint, iters, learning_rate, lora_parameters, lr_schedule, mask_prompt, max_seq_length, num_layers, optimizer, optimizer_config, project_name, resume_adapter_file, save_every, steps_per_eval, steps_per_report, stop, val_batches`,
  ],
  [
    'train key that is ours',
    good.replace('iters: 20', 'seed: 3'),
    `a.yaml:4: train.seed: phasebox sets this
    seen: 3
    write \`seeds:\` in the phase, outside train`,
  ],
  [
    'full fine-tune',
    good.replace('iters: 20', 'fine_tune_type: full'),
    `a.yaml:4: train.fine_tune_type: a full fine-tune has no adapter to fuse; allowed: lora, dora
    seen: "full"`,
  ],
  [
    'optimizer',
    good.replace('iters: 20', 'optimizer: adamx'),
    `a.yaml:4: train.optimizer: allowed: adam, adamw, muon, sgd, adafactor
    seen: "adamx"
    did you mean "adam"?`,
  ],
  [
    'half of lora_parameters',
    good.replace('iters: 20', 'lora_parameters: { rank: 16 }'),
    `a.yaml:4: train.lora_parameters: it replaces all of mlx_lm's defaults, so these are missing: dropout, scale
    seen: {"rank":16}
    add mlx_lm's defaults: dropout: 0, scale: 20`,
  ],
  [
    'type of a key that only mlx_lm knows',
    good.replace('iters: 20', 'grad_checkpoint: 1'),
    `a.yaml:4: train.grad_checkpoint: true or false is expected (mlx_lm's default: false)
    seen: 1`,
  ],
  [
    'warm start from nothing',
    good.replace('iters: 20', 'resume_adapter_file: old.safetensors'),
    `a.yaml:4: train.resume_adapter_file: WS/old.safetensors does not exist
    seen: "old.safetensors"
    relative paths are resolved from the workspace`,
  ],
  [
    'missing model folder',
    good.replace('models/tiny', './models/tinny'),
    `a.yaml:2: model: the folder WS/models/tinny does not exist
    seen: "./models/tinny"
    relative paths are resolved from the workspace; a hub id has the form org/name`,
  ],
  [
    'missing data',
    good.replace('data/rows', 'data/none'),
    `a.yaml:3: data: the folder WS/data/none does not exist; a folder with train.jsonl and valid.jsonl is expected
    seen: "data/none"
    relative paths are resolved from the workspace`,
  ],
  [
    'missing suite',
    good.replace('small', 'none'),
    `a.yaml:5: eval.suite: WS/suites/none.yaml does not exist
    seen: "suites/none.yaml"
    relative paths are resolved from the workspace`,
  ],
  [
    'nothing but a name',
    'phase: 43a',
    `a.yaml: model: required: the base model, a folder or a hub id

a.yaml: data: required: the folder with train.jsonl and valid.jsonl

a.yaml: train: required: mlx_lm's training settings (\`train: {}\` for all its defaults)

a.yaml: eval.suite: required: the suite of prompts that scores the model`,
  ],
  ['no name', good.replace('phase: 43a', 'title: x'), `a.yaml: phase: required: the name of the experiment`],
  [
    'eval without suite',
    good.replace('{ suite: suites/small.yaml }', '\n  temperature: 0'),
    `a.yaml:5: eval.suite: required: text`,
  ],
  [
    '../ in a name',
    good.replace('43a', '../43a'),
    `a.yaml:1: phase: allowed: letters, digits, . _ - (at most 64, the first a letter or digit)
    seen: "../43a"`,
  ],
  [
    'a name that is taken',
    good.replace('43a', 'results.jsonl.old'),
    `a.yaml:1: phase: base, plots, names that start with results.jsonl, and names ending in .json .jsonl .md .html .svg are reserved
    seen: "results.jsonl.old"`,
  ],
  [
    'a name that is taken in another case',
    good.replace('43a', 'Plots'),
    `a.yaml:1: phase: base, plots, names that start with results.jsonl, and names ending in .json .jsonl .md .html .svg are reserved
    seen: "Plots"`,
  ],
  [
    'a seed below 0',
    `${good}seeds: [0, -1]\n`,
    `a.yaml:6: seeds[1]: allowed: at least 0
    seen: -1`,
  ],
  [
    'too many seeds',
    `${good}seeds: 101\n`,
    `a.yaml:6: seeds: allowed: at most 100
    seen: 101`,
  ],
  [
    'seeds that are none',
    `${good}seeds: all\n`,
    `a.yaml:6: seeds: allowed: a whole number, or a list
    seen: "all"`,
  ],
  [
    'select by a suite that is not named',
    `${good}select: { by: suite }\n`,
    `a.yaml:6: select.suite: required with \`by: suite\`: the suite that selects the checkpoint
    \`phasebox suite from data/valid.jsonl -o FILE\` makes a suite other than the one whose score is reported`,
  ],
  [
    'settings of a choice that is not made',
    `${good}select: { suite: s.yaml, prompts: 3 }\n`,
    `a.yaml:6: select.suite: says how \`by: suite\` chooses; with \`by: last\` the last checkpoint is used and it would do nothing
    seen: "s.yaml"
    remove it

a.yaml:6: select.prompts: says how \`by: suite\` chooses; with \`by: last\` the last checkpoint is used and it would do nothing
    seen: 3
    remove it`,
  ],
  [
    'unknown name in the gate',
    `${good}criteria:\n  gate: overall > 80 && domian > 60\n`,
    `a.yaml:7: criteria.gate: \`overall > 80 && domian > 60\`: nothing is called domian (column 17). Did you mean domain? Available names: overall, strict, text_tools, domain, modes.{timeout, error, empty, wrapped, wrong_tool, direct_call, cut, thinking, prose}, metrics.{val_loss, train_loss, train_seconds, temp_peak_gb}, base.{overall, strict, text_tools, domain}
    seen: "overall > 80 && domian > 60"`,
  ],
  [
    'outcome without then',
    `${good}criteria:\n  outcomes:\n    - { when: overall > 1, than: x }\n`,
    `a.yaml:8: criteria.outcomes[0].than: unknown key; did you mean "then"? Allowed here: when, then

a.yaml:8: criteria.outcomes[0].then: required: text`,
  ],
  [
    'baseline of no phase',
    `${good}baseline: 33b\n`,
    `a.yaml:6: baseline: there is no phase of this name; allowed: an accepted phase, or figures: { name, overall, categories }
    seen: "33b"`,
  ],
  [
    'its own baseline',
    `${good}baseline: 43A\n`,
    `a.yaml:6: baseline: a phase cannot be its own baseline
    seen: "43A"`,
  ],
  [
    'env of ours',
    `${good}env:\n  HF_HUB_OFFLINE: "0"\n  OTHER: 1\n`,
    `a.yaml:7: env.HF_HUB_OFFLINE: PHASEBOX_* and HF_HUB_* are set by phasebox
    seen: "HF_HUB_OFFLINE"

a.yaml:8: env.OTHER: text is expected
    seen: 1
    text that looks like something else needs quotes: "1"`,
  ],
  [
    'preflight as one text',
    `${good}preflight: [make check]\n`,
    `a.yaml:6: preflight[0]: a list is expected
    seen: "make check"`,
  ],
  [
    'variant with a bad name',
    `${good}variants: { s1: { fuse: { q_bits: 4 } } }\n`,
    `a.yaml:6: variants.s1: s + digits would read as a seed
    seen: "s1"`,
  ],
  [
    'variant of another section',
    `${good}variants:\n  q4: { model: x }\n`,
    `a.yaml:7: variants.q4.model: unknown key; allowed here: train, select, fuse, cleanup, eval`,
  ],
  [
    'variant with slips',
    `${good}variants:\n  q4:\n    fuse: { q_bits: 9 }\n    train: { itres: 3 }\n    eval: { suite: none.yaml }\n`,
    `a.yaml:8: variants.q4.fuse.q_bits: allowed: 2, 3, 4, 5, 6, 8 or null
    seen: 9

a.yaml:9: variants.q4.train.itres: the installed mlx_lm does not know this key; did you mean "iters"? Allowed here: batch_size, clear_cache_threshold, fine_tune_type, grad_accumulation_steps, grad_checkpoint, iters, learning_rate, lora_parameters, lr_schedule, mask_prompt, max_seq_length, num_layers, optimizer, optimizer_config, project_name, resume_adapter_file, save_every, steps_per_eval, steps_per_report, stop, val_batches

a.yaml:10: variants.q4.eval.suite: WS/none.yaml does not exist
    seen: "none.yaml"
    relative paths are resolved from the workspace`,
  ],
  [
    'variant that changes nothing',
    `${good}variants:\n  same: { fuse: { q_bits: 5 }, train: { batch_size: 4 } }\n`,
    `a.yaml:7: variants.same: this variant changes nothing: its run would be the same as the plain one
    to run the same again, give a seed twice: seeds: [0, 0]`,
  ],
  [
    'from that is two things',
    good.replace(/^train.*\n/m, 'from: { run: x, model: y }\n'),
    `a.yaml:4: from: allowed: { run, after }, or { model }, or { adapter, checkpoint }
    seen: {"run":"x","model":"y"}`,
  ],
  [
    'from and train',
    `${good}from: { adapter: data/rows }\n`,
    `a.yaml:4: train: not allowed with from.adapter: nothing is trained
    seen: {"iters":20}
    leave train out, or leave from out to begin at train

a.yaml:6: from.adapter: WS/data/rows has no adapter_config.json
    seen: "data/rows"

a.yaml:6: from.adapter: WS/data/rows has no adapters.safetensors
    seen: "data/rows"`,
  ],
  [
    'extends nothing',
    `${good}extends: 33b\n`,
    `a.yaml:6: extends: no phase of this name is accepted, and as a file: WS/33b does not exist
    seen: "33b"`,
  ],
  [
    'extends what is outside',
    `${good}extends: ../other.yaml\n`,
    `a.yaml:6: extends: allowed: the name of an accepted phase, or a file in the workspace
    seen: "../other.yaml"`,
  ],
];

describe('a config that is refused', () => {
  for (const [name, config, expected] of table) {
    it(name, async () => {
      const workspace = await configWorkspace();
      expect(await workspace.reasons(config)).to.equal(expected);
    });
  }

  it('tells everything at once, in the order of the file', async () => {
    const workspace = await configWorkspace();
    const config = good.replace('43a', 'a b').replace('tiny', 'none').replace('iters', 'seed').replace('small', 'none');
    const places = (await workspace.reasons(config)).match(/^a\.yaml\S* \S+/gm);
    expect(places).to.deep.equal([
      'a.yaml:1: phase:',
      'a.yaml:2: model:',
      'a.yaml:4: train.seed:',
      'a.yaml:5: eval.suite:',
    ]);
  });

  it('points into the suite that is wrong', async () => {
    const workspace = await configWorkspace();
    await workspace.write(
      'suites/small.yaml',
      'suite: x\nprompts:\n  - { id: a, category: Domain, prompt: x, expect: [y] }\n',
    );
    expect(
      await workspace.reasons(good),
    ).to.equal(`a.yaml:5: eval.suite: this is not a valid suite: it has 1 problem, listed below
    seen: "suites/small.yaml"

WS/suites/small.yaml:3: prompts[0].category: allowed: a category is a name in lowercase letters, digits and _ (it is a variable in \`gate\`)
    seen: "Domain"`);
  });

  it('points into the file that it extends', async () => {
    const workspace = await configWorkspace();
    await workspace.write('base.yaml', 'fuse:\n  q_bits: 9\ntrain: { batch_size: x }\n');
    expect(
      await workspace.reasons(`${good}extends: base.yaml\n`),
    ).to.equal(`base.yaml:2: fuse.q_bits: allowed: 2, 3, 4, 5, 6, 8 or null
    seen: 9

base.yaml:3: train.batch_size: a number is expected
    seen: "x"`);
  });

  it('extends one level only, and no file that is broken', async () => {
    const workspace = await configWorkspace();
    await workspace.write('base.yaml', 'extends: other.yaml\n');
    await workspace.write('broken.yaml', 'a: [\n');
    expect(
      await workspace.reasons('phase: x\nextends: base.yaml\n'),
    ).to.equal(`a.yaml:2: extends: base.yaml itself extends "other.yaml"; allowed: one level
    seen: "base.yaml"
    write out what base.yaml takes over`);
    expect(await workspace.reasons('phase: x\nextends: broken.yaml\n')).to.match(/^broken\.yaml:2: not valid YAML: /);
    expect(await workspace.reasons('phase: x\nextends: X\n')).to.contain('a phase cannot extend itself');
  });
});
