import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { Command } from 'commander';
import { z } from 'zod';
import { lookAt } from '../../src/commands/data.ts';
import { dataFlags, rowAddress } from '../../src/commands/parts/data-flags.ts';
import { CommandError } from '../../src/core/errors.ts';
import { pagePlace } from '../../src/io/page/write-html.ts';
import { type Chain, makeChain } from '../helpers/chain.ts';
import { tempDir, waitFor } from '../helpers/temp.ts';

const turn = (role: string, content: string): object => ({ role, content });
const asked = [turn('user', 'Which files?'), turn('assistant', '<tool_call>list()'), turn('user', 'a.py')];
const row = (...messages: readonly object[]): string => `${JSON.stringify({ messages })}\n`;
/** Rows whose calls are not taught, and rows that end with the user. */
const answered = row(...asked, turn('assistant', 'It is a.py'));
const unanswered = row(...asked);

/** The parts of `--json` that the stand-in does not make up. */
const document = z.looseObject({
  file: z.string(),
  mask_prompt: z.boolean(),
  max_seq_length: z.int(),
  stops: z.array(z.string()),
  warnings: z.array(z.string()),
  shown: z.array(z.looseObject({ line: z.int() })),
  split: z.looseObject({ folder: z.string(), stops: z.array(z.string()) }).nullable(),
});

describe('phasebox data', () => {
  let chain: Chain;
  before(async () => {
    chain = await makeChain();
    await chain.write('data/train.jsonl', answered.repeat(4));
    await chain.write('data/valid.jsonl', answered);
    await chain.write('unanswered.jsonl', answered + unanswered);
  });
  after(() => chain.remove());

  const data = (...args: readonly string[]) => chain.phasebox('data', ...args, '--model', 'demo/models/A-base');
  const names = async (folder = ''): Promise<string[]> =>
    (await readdir(join(chain.root, folder))).filter((name) => name !== 'calls.jsonl').sort();
  const checks = async (): Promise<readonly string[][]> =>
    (await chain.calls('check_data')).map(({ argv }) => [...argv]);

  it('shows counts, findings and rows with the taught part marked, and makes no workspace', async () => {
    const before = await names();
    const { code, out, err } = await data('data', '--rows', '1');
    expect(err).to.equal('');
    expect(code).to.equal(0);
    expect(out).to.include(
      `${join(chain.root, 'data')}, read by the tokenizer of ${join(chain.root, 'demo/models/A-base')} with mask_prompt`,
    );
    expect(out).to.match(/^ {2}examples in train\.jsonl +4$/m);
    expect(out).to.include(
      'Training on this data would start, with 1 warning.\n  warning: 1 of 4 training examples (25 %) end in text',
    );
    expect(out).to.match(/^train\.jsonl, line 1\n( {8}\| .*\n)+trained \| It is a\.py\n$/m);
    expect(await names()).to.deep.equal(before);
    const argv = (await checks()).at(-1) ?? [];
    expect(argv.join(' '))
      .to.match(/--mask-prompt/)
      .and.to.match(/--max-seq-length 2048/);
    expect(argv).not.to.include('--iters');
  });

  it('reads as a training with the given settings does, and prints one document with --json', async () => {
    const flags = ['--no-mask-prompt', '--max-seq-length', '99', '--rows', '2', '--row', '3', '--row', 'train.jsonl:4'];
    const named = ['--prompt-feature', 'question', '--completion-feature', 'answer'];
    const { code, out } = await data('data', '--json', ...flags, ...named);
    expect(code).to.equal(0);
    const { file, mask_prompt, max_seq_length, stops, warnings, shown, split } = document.parse(JSON.parse(out));
    expect({ file, mask_prompt, max_seq_length, split }).to.deep.equal({
      ...{ file: 'train.jsonl', mask_prompt: false, max_seq_length: 99, split: null },
    });
    expect([stops.length, warnings.length, shown.length]).to.deep.equal([0, 1, 4]);
    const argv = ((await checks()).at(-1) ?? []).join(' ');
    expect(argv).to.include('--max-seq-length 99').and.not.to.include('--mask-prompt');
    expect(argv).to.include('--show-line train.jsonl:3').and.to.include('--show-line train.jsonl:4');
    expect(argv).to.include('--prompt-key question --completion-key answer').and.not.to.include('--chat-key');
    const missing = await data('data', '--row', 'train.jsonl:5', '--split', 'never');
    expect(missing.code).to.equal(2);
    expect(missing.err).to.include('--row train.jsonl:5: there is no such row');
    expect(await names()).not.to.include('never');
  });

  it('ends with 2 when a training would be stopped; of split data when that would be', async () => {
    const stopped = await data('unanswered.jsonl');
    expect(stopped.code).to.equal(2);
    expect(stopped.out).to.include('would be stopped').and.to.include('stop: unanswered.jsonl, line 2');
    const split = await data('unanswered.jsonl', '--split', 'split/one', '--rows', '0');
    expect(split.out).to.match(/before +after the split\n +examples in unanswered\.jsonl +2 +3\n/);
    expect(split.out).to.include('unanswered.jsonl, line 2: the turns after the last answer are left out');
    expect(split.code).to.equal(0);
    expect(await names('split')).to.deep.equal(['one']);
    expect(await names('split/one')).to.deep.equal(['unanswered.jsonl']);
    expect((await chain.read('split/one/unanswered.jsonl')).split('\n')).to.have.length(4);
  });

  it('splits every file of a folder, also into an empty one, and names the place in the findings', async () => {
    await mkdir(join(chain.root, 'empty'));
    const { code, out } = await data('data', '--split', 'empty', '--json');
    expect(code).to.equal(0);
    expect(document.parse(JSON.parse(out)).split?.folder).to.equal(join(chain.root, 'empty'));
    expect(await names('empty')).to.deep.equal(['train.jsonl', 'valid.jsonl']);
    expect((await chain.read('empty/valid.jsonl')).split('\n')).to.have.length(3);
  });

  it('refuses a folder for the split that is not empty before anything is read', async () => {
    const started = (await checks()).length;
    const { code, err } = await data('data', '--split', 'data');
    expect(code).to.equal(2);
    expect(err).to.include('not empty');
    expect(await checks()).to.have.length(started);
    expect(await names('data')).to.deep.equal(['train.jsonl', 'valid.jsonl']);
  });

  it('leaves nothing of a split that is interrupted, or whose check fails', async () => {
    const before = (await names()).join();
    const started = (await checks()).length;
    const scene = { SCENE: JSON.stringify({ check_data: { hold: 'never' } }) };
    const args = ['data', 'data', '--model', 'demo/models/A-base', '--split', 'cut'];
    const running = await chain.startUnder(scene, ...args);
    await waitFor('both checks', async () => (await checks()).length === started + 2);
    expect(await running.stop('SIGINT')).to.equal(1);
    expect((await names()).join()).to.equal(before);
    const broken = { SCENE: JSON.stringify({ check_data: { fail: 99, say: 'no tokenizer here' } }) };
    const failed = await (await chain.startUnder(broken, ...args)).ended;
    expect(failed.code).to.equal(3);
    expect((await names()).join()).to.equal(before);
  });

  it('writes a page, and replaces no file but a page of its own', async () => {
    const page = join(chain.root, 'data.html');
    for (const _ of [1, 2]) expect((await data('data', '--html', 'data.html')).code).to.equal(0);
    expect(await chain.read('data.html')).to.match(/<mark>It is a\.py<\/mark>/);
    await chain.write('mine.html', '<p>mine</p>');
    expect(await pagePlace(page)).to.equal(page);
    expect(await thrownBy(pagePlace(join(chain.root, 'mine.html')))).to.match(/is not a page of phasebox/);
    expect(await thrownBy(pagePlace(join(chain.root, 'data')))).to.match(/is not a page of phasebox/);
    expect(await thrownBy(pagePlace(join(chain.root, 'nowhere/data.html')))).to.match(/is not a folder/);
  });
});

/** The message of a CommandError. */
const thrownBy = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing',
    (error: unknown) => (error instanceof CommandError ? error.message : Promise.reject(error)),
  );

describe('the options of phasebox data', () => {
  const parsed = (...flags: readonly string[]): unknown => {
    const command = dataFlags(new Command('data'))
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    return command.parse(['data', '--model', 'm', ...flags], { from: 'user' }).opts();
  };

  it('have mask_prompt and 2048 tokens as their defaults', () => {
    expect(parsed()).to.deep.equal({ model: 'm', maskPrompt: true, maxSeqLength: 2048 });
    expect(parsed('--no-mask-prompt', '--row', '3', '--row', 'valid.jsonl:1', '--rows', '0')).to.deep.equal({
      ...{ model: 'm', maskPrompt: false, maxSeqLength: 2048, row: ['3', 'valid.jsonl:1'], rows: 0 },
    });
  });

  it('refuse values that mean nothing', () => {
    for (const flags of [
      ['--rows', '1.5'],
      ['--rows', '-1'],
      ['--max-seq-length', '0'],
      ['--max-seq-length', '2k'],
    ])
      expect(() => parsed(...flags), flags.join(' ')).to.throw(/must be a whole number of at least [01]/);
    for (const row of ['first', '0', 'a.jsonl:', '-3', '1.5', ':'])
      expect(() => rowAddress(row, 'train.jsonl'), row).to.throw(/give a line, such as 7 or valid\.jsonl:7/);
    expect(rowAddress('a:b.jsonl:12', 'train.jsonl')).to.deep.equal({ file: 'a:b.jsonl', line: 12 });
    expect(rowAddress('12', 'train.jsonl')).to.deep.equal({ file: 'train.jsonl', line: 12 });
  });
});

describe('phasebox data, before Python is started', () => {
  const look = async (more: { data?: string; model?: string; python?: string }): Promise<CommandError> => {
    const folder = await tempDir('data');
    await writeFile(join(folder, 'train.jsonl'), answered);
    const before = process.env.PHASEBOX_PYTHON;
    process.env.PHASEBOX_PYTHON = more.python ?? '/bin/false';
    const settings = { maskPrompt: true, maxSeqLength: 2048, rows: 3, row: [], signal: new AbortController().signal };
    const model = more.model ?? join(import.meta.dirname, '../../demo/models/A-base');
    try {
      const error: unknown = await lookAt({ folder, data: more.data ?? folder, model, ...settings }).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      if (error instanceof CommandError) return error;
      throw error;
    } finally {
      if (before === undefined) delete process.env.PHASEBOX_PYTHON;
      else process.env.PHASEBOX_PYTHON = before;
    }
  };

  it('says which data and which model are not there', async () => {
    const noData = await look({ data: '/nowhere/train.jsonl' });
    expect([noData.exitCode, noData.message]).to.deep.equal([
      2,
      '/nowhere/train.jsonl does not exist. Give a .jsonl file, or a folder with train.jsonl.',
    ]);
    const noModel = await look({ model: './nowhere' });
    expect(noModel.exitCode).to.equal(2);
    expect(noModel.message).to.match(
      /^--model \.\/nowhere: the folder .*nowhere does not exist\. Give the folder of a model/,
    );
    const notHere = await look({ model: 'nobody/nothing' });
    expect(notHere.message).to.match(/Fetch it: hf download nobody\/nothing$/);
  });

  it('ends with 3 where Python has no mlx_lm', async () => {
    const python = join(await tempDir('python'), 'python');
    await writeFile(python, '#!/bin/sh\necho "mlx_lm is not installed in here" >&2\nexit 3\n');
    await chmod(python, 0o755);
    const error = await look({ python });
    expect(error.exitCode).to.equal(3);
    expect(error.message).to.include('python3 -m venv .venv && .venv/bin/pip install');
  });
});
