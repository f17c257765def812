import type { Settings } from '../../events/stages.ts';
import type { Answer, Suite } from '../../events/suite.ts';
import { chatRequest } from '../score/chat.ts';
import { choiceIn, contentText } from '../score/read-answer.ts';
import { asObject } from '../score/tolerant-json.ts';

/** One JSON line per prompt for python/model_cost.py: its first answer, if it arrived and has no tool calls. */
export function costAnswers(suite: Suite, settings: Settings<'eval'>, answers: readonly Answer[]): string {
  const first = new Map(answers.filter(({ repeat }) => repeat === 0).map((answer) => [answer.prompt, answer]));
  const lines = suite.prompts.flatMap((prompt) => {
    const written = writtenBy(first.get(prompt.id)?.response);
    if (written === null) return [];
    const {
      messages,
      tools,
      chat_template_kwargs: template,
    } = asObject(chatRequest({ prompt, seed: null }, suite, settings).body) ?? {};
    return [JSON.stringify({ messages, tools, template, ...written })];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function writtenBy(response: unknown) {
  const choice = choiceIn(response);
  const message = asObject(choice?.message);
  if (message === null || (Array.isArray(message.tool_calls) && message.tool_calls.length > 0)) return null;
  const content = contentText(message.content);
  const reasoning = contentText(message.reasoning) || contentText(message.reasoning_content);
  const finish_reason = choice?.finish_reason ?? null;
  return { content, reasoning, finish_reason };
}
