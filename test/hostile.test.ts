import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readPhase } from '../src/core/config/read-phase.ts';
import { readYaml } from '../src/core/config/read-yaml.ts';
import { diagnose } from '../src/core/mlx/diagnose.ts';
import { isProgressBar, plainLines, readLogLine } from '../src/core/mlx/mlx-log.ts';
import { onOneLine, printable } from '../src/core/printable.ts';
import { scoreAnswer, scoreSuite } from '../src/core/score/score.ts';
import { parseTolerant } from '../src/core/score/tolerant-json.ts';
import { withoutSecrets } from '../src/core/secrets.ts';
import { prompt, suite } from '../src/events/suite.ts';
import { proveInput, readModelFolder } from '../src/io/model/model-folder.ts';
import { inspectTensors } from '../src/io/model/tensor-file.ts';
import { scoreOf, suiteOf, yamlOf } from '../src/io/thread/off-thread.ts';
import { tooLong } from './helpers/event-loop.ts';
import { tempDir } from './helpers/temp.ts';
import { headerBytes, tinyModel } from './helpers/tiny-model.ts';

const KB = 1000;
/** So many characters of a text, over and over. */
const of = (characters: number, unit: string): string => unit.repeat(Math.ceil(characters / unit.length));

describe('nothing that a file holds stops the event loop for more than 100 ms', () => {
  it('which the measure would show', async () => {
    const busy = (): void => {
      const start = process.cpuUsage().user;
      while (process.cpuUsage().user - start < 120_000) of(10 * KB, 'a').split('');
    };
    expect(await tooLong({ busy })).to.have.length(1);
  });

  it('a line of a log: shown, diagnosed, without its secrets', async () => {
    const units = ['a', 'KEY', 'a://b:', '?token', '1', 'cuda(', 'ImportError: ', ' ', '\u001b[', 'A="', "A='"];
    const lines = [...units.map((unit) => of(100 * KB, unit)), `Iter 1: Saved adapter weights to ${of(100 * KB, '0')}`];
    const readers = {
      withoutSecrets,
      printable,
      onOneLine,
      plainLines,
      readLogLine,
      isProgressBar,
      diagnose: (line: string) => diagnose(1, [line]),
    };
    const works = Object.entries(readers).flatMap(([name, read]) =>
      lines.map((line) => [`${name}: ${printable(line.slice(0, 40))}`, () => read(line)] as const),
    );
    expect(await tooLong(Object.fromEntries(works))).to.eql([]);
  });

  it('an answer of a model that loops: read and scored', async () => {
    const one = prompt.parse({ id: 'x', category: 'a', prompt: 'x', expect: ['lint'] });
    const marks = [
      '</think>',
      '<think>',
      '<tool_call>{',
      '<tool_call>{"name":',
      '<tool_call>{"name": "a',
      '<function=a>',
    ];
    const score = (message: object) => () =>
      scoreAnswer(one, 'execute_code', { prompt: 'x', repeat: 0, error: null, response: { choices: [{ message }] } });
    const works = Object.fromEntries(marks.map((mark) => [mark, score({ content: of(200 * KB, mark) })]));
    const cut = { function: { name: 'execute_code', arguments: `{"code": "${of(100 * KB, '\\"')}` } };
    expect(
      await tooLong({
        ...works,
        'a call that was cut': score({ tool_calls: [cut] }),
        'torn JSON': () => expect(() => parseTolerant(of(100 * KB, '\\"'))).to.throw(SyntaxError),
      }),
    ).to.eql([]);
  });

  it('a megabyte of YAML, and of what is none: as a config and as a suite', async () => {
    const MB = 2 ** 20 - 100;
    const lines = (text: (n: number) => string): string =>
      Array.from({ length: 80_000 }, (_, n) => text(n))
        .join('\n')
        .slice(0, MB);
    const slips = Buffer.from(of(MB, 'a: b: c\n'));
    const most = Buffer.from(lines((n) => (n < 9_900 ? `k${n}: 1` : '#')));
    const works = {
      'more keys than there may be': async () =>
        expect((await yamlOf(Buffer.from(lines((n) => `k${n}: 1`)), 'a.yaml')).ok).to.equal(false),
      'as many keys as there may be, checked': async () => {
        const yaml = await yamlOf(most, 'a.yaml');
        expect(yaml.ok && readPhase(yaml.source.value, yaml.source.value).findings.length).to.be.greaterThan(20);
      },
      'a suite': async () => expect(await suiteOf(slips, 'a.yaml')).to.have.property('problems'),
    };
    expect(await tooLong(works)).to.eql([]);
  });

  it('a pattern that backtracks, and an answer of 10 MB', async () => {
    const ask = { id: 'x', category: 'a', prompt: 'x' };
    const endless = suite.parse({ suite: 's', prompts: [{ ...ask, assert: [{ type: 'regex', value: '^(a+)+$' }] }] });
    const plain = suite.parse({ suite: 's', prompts: [{ ...ask, expect: ['lint'] }] });
    const says = (content: string) => [
      { prompt: 'x', repeat: 0, error: null, response: { choices: [{ message: { content } }] } },
    ];
    let why: unknown;
    const works = {
      'a pattern that backtracks': async () => {
        why = await scoreOf(endless, says(`${of(60, 'a')}!`), { limit_ms: 1000 });
      },
      'an answer of 10 MB': async () => {
        const scored = await scoreOf(plain, says(`<tool_call>{"name": "${of(10_000 * KB, 'a')}"`));
        expect('ok' in scored && scored.ok && scored.score.modes.wrong_tool).to.equal(1);
      },
    };
    expect(await tooLong(works)).to.eql([]);
    expect(why)
      .to.have.property('endless')
      .that.matches(/^An answer to the prompt x could not be scored .*: \^\(a\+\)\+\$\. /);
  });

  it('a tokenizer of 30 MB, and the headers of 20,000 tensors', async () => {
    const [large, adapter] = [await tempDir(), await tempDir()];
    const experts = Array.from({ length: 20_000 }, (_, n) => [
      `model.layers.0.mlp.experts.${n}.up_proj.weight`,
      [4, 1],
    ]);
    await tinyModel(large, { shapes: Object.fromEntries(experts) });
    const vocabulary = Array.from({ length: 1_000_000 }, (_, n) => `"${n.toString(36)} of a vocabulary":${n}`);
    await writeFile(join(large, 'tokenizer.json'), `{"model":{"vocab":{${vocabulary}}}}`);
    const cut = of(30_000 * KB, '[{"a":');
    await writeFile(join(adapter, 'adapters.safetensors'), headerBytes(cut));
    let model: unknown;
    let torn: unknown;
    const works = {
      'a model': async () => {
        model = await readModelFolder(large);
      },
      'a model that a stage needs': () => proveInput(large),
      'a torn header': async () => {
        torn = await inspectTensors(join(adapter, 'adapters.safetensors'));
      },
    };
    expect(await tooLong(works)).to.eql([]);
    expect(model).to.include({ whole: true }).and.to.have.property('tensors').with.lengthOf(20_000);
    expect(torn)
      .to.have.nested.property('fault.problem')
      .that.matches(/^its header is not JSON/);
  });

  it('gives in a thread what it gives on the main one', async () => {
    const ask = { id: 'x', category: 'a', prompt: 'x' };
    const given = suite.parse({
      suite: 's',
      prompts: [
        {
          ...ask,
          assert: [
            { type: 'regex', value: '^a' },
            { type: 'contains', value: 'z' },
          ],
        },
      ],
    });
    const answers = [{ prompt: 'x', repeat: 0, error: null, response: { choices: [{ message: { content: 'ab' } }] } }];
    expect(await scoreOf(given, answers)).to.eql(scoreSuite(given, answers));
    const text = `a: 4e3\n# ${of(10 * KB, 'x')}\nb: &b [1, {c: 000}]\nd: *b\n`;
    const [there, here] = [await yamlOf(Buffer.from(text), 'a.yaml'), readYaml(text, 'a.yaml')];
    for (const path of [['a'], ['b', 1, 'c'], ['d', 1, 'c'], ['d', 7], ['x']])
      expect(there.ok && [there.source.find(path), there.source.text(path)], path.join('.')).to.eql(
        here.ok && [here.source.find(path), here.source.text(path)],
      );
    expect(there.ok && there.source.value).to.eql(here.ok && here.source.value);
  });
});
