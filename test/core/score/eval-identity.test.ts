import { expect } from 'chai';
import { type EvalFacts, evalIdentity, wordsOfCommand } from '../../../src/core/score/eval-identity.ts';
import { evalSettings } from '../../../src/events/stages/eval.ts';
import { suiteOf } from '../../helpers/answers.ts';

const facts: EvalFacts = {
  suite: suiteOf([{}, { id: 'second' }], { system: 'be brief' }),
  settings: evalSettings.parse({ suite: '/s.yaml' }),
  versions: { mlx: '0.32.4', mlx_lm: '0.32.2', python: '3.11.2' },
};
const with_ = (more: Partial<EvalFacts['settings']>): string =>
  evalIdentity({ ...facts, settings: { ...facts.settings, ...more } });

const tool = { type: 'function' as const, function: { name: 'lint' } };

describe('eval identity', () => {
  it('changes with all that can change a score', () => {
    const texts = [
      evalIdentity(facts),
      with_({ system: 'be long' }),
      with_({ system: '' }),
      with_({ temperature: 0.7 }),
      with_({ max_tokens: 511 }),
      with_({ stop: [] }),
      with_({ chat_template_args: { enable_thinking: false } }),
      with_({ repeats: 2 }),
      with_({ retries: 1 }),
      with_({ timeout_s: 60 }),
      with_({ concurrency: 2 }),
      evalIdentity({ ...facts, suite: { ...facts.suite, wrapper: 'run' } }),
      evalIdentity({ ...facts, suite: suiteOf([{}]) }),
      evalIdentity({ ...facts, versions: { ...facts.versions, mlx: '1' } }),
      evalIdentity({ ...facts, versions: { ...facts.versions, mlx_lm: '1' } }),
      evalIdentity({ ...facts, versions: { ...facts.versions, transformers: '5' } }),
      evalIdentity({ ...facts, suite: suiteOf([{}, { id: 'second', match: 'all' }], { system: 'be brief' }) }),
      evalIdentity({ ...facts, suite: { ...facts.suite, tools: [tool] } }),
      evalIdentity({ ...facts, suite: { ...facts.suite, scorer: { command: ['python3', 'score.py'] } } }),
      evalIdentity({ ...facts, files: { 'scorer score.py': 'aa' } }),
      evalIdentity({ ...facts, files: { 'scorer score.py': 'bb' } }),
      with_({ engine: { command: ['inspect'], server: true } }),
      with_({ engine: { command: ['inspect'], server: false } }),
    ];
    expect(new Set(texts)).to.have.length(texts.length);
  });

  it('stays when nothing does', () => {
    const same = evalIdentity(facts);
    expect(with_({ score_by: 'strict', base: false, suite: '/elsewhere.yaml' })).to.equal(same);
    expect(with_({ system: 'be brief' })).to.equal(same);
    expect(evalIdentity({ ...facts, versions: { ...facts.versions, python: '3.12' } })).to.equal(same);
    expect(evalIdentity({ ...facts, suite: { ...facts.suite, suite: 'other name' } })).to.equal(same);
    const args = { a: 1, b: { c: 1, d: 2 } };
    expect(with_({ chat_template_args: { b: { d: 2, c: 1 }, a: 1 } })).to.equal(with_({ chat_template_args: args }));
  });

  it('looks for files in every word of a command, and behind =', () => {
    const words = wordsOfCommand(['python3', 'score.py', '--config=a=b.yaml', '-', '--empty=']);
    expect(words).to.deep.equal(['python3', 'score.py', '--config=a=b.yaml', '-', '--empty=', 'a=b.yaml']);
  });
});
