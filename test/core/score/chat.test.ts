import { expect } from 'chai';
import { chatRequest, probeRequest } from '../../../src/core/score/chat.ts';
import { evalSettings } from '../../../src/events/stages/eval.ts';
import type { Prompt, Suite } from '../../../src/events/suite.ts';
import { promptOf, suiteOf } from '../../helpers/answers.ts';

const settings = evalSettings.parse({ suite: '/s.yaml' });
const user = { role: 'user' as const, content: 'do it' };
const tool = { type: 'function' as const, function: { name: 'lint' } };

const body = (prompt: Partial<Prompt>, suite: Partial<Suite> = {}, system?: string) =>
  chatRequest(
    { prompt: promptOf(prompt), seed: null },
    suiteOf([], suite),
    system === undefined ? settings : { ...settings, system },
  ).body;

describe('the request of a prompt', () => {
  it('is a system turn and a user turn, or the conversation as it stands', () => {
    expect(body({}).messages).to.deep.equal([user]);
    expect(body({}, { system: 'be brief' }).messages).to.deep.equal([{ role: 'system', content: 'be brief' }, user]);
    const turns = [
      user,
      { role: 'assistant' as const, content: 'which?' },
      { role: 'user' as const, content: 'a.ts', name: 'me' },
    ];
    const talk = { prompt: undefined, messages: turns };
    expect(body(talk).messages).to.deep.equal(turns);
    expect(body(talk, {}, 'be long').messages).to.deep.equal([{ role: 'system', content: 'be long' }, ...turns]);
  });

  it("a conversation's own system turn stands for the suite's and the phase's", () => {
    const own = { prompt: undefined, messages: [{ role: 'system' as const, content: 'mine' }, user] };
    expect(body(own, { system: 'be brief' }, 'be long').messages).to.deep.equal(own.messages);
  });

  it("sends the suite's tools, the prompt's own instead, or none", () => {
    const other = { ...tool, function: { name: 'run' } };
    expect(body({}).tools).to.equal(undefined);
    expect(body({}, { tools: [tool] }).tools).to.deep.equal([tool]);
    expect(body({ tools: [other] }, { tools: [tool] }).tools).to.deep.equal([other]);
    expect(body({ tools: [] }, { tools: [tool] })).to.not.have.property('tools');
    expect(probeRequest(promptOf(), suiteOf([], { tools: [tool] }), settings).body.tools).to.deep.equal([tool]);
  });
});
