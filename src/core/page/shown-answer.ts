import type { Answer } from '../../events/suite.ts';
import { contentText, withoutThoughts } from '../score/read-answer.ts';
import { asObject } from '../score/tolerant-json.ts';

/** A text as a page shows it: its beginning, and how many characters follow that the page leaves out. */
export interface Part {
  readonly text: string;
  readonly left: number;
}

/** What a model sent back, in the parts that a page shows. */
export interface Reply {
  readonly text: Part;
  readonly thoughts: Part;
  readonly calls: Part | null;
  readonly cut: boolean;
}

/** An answer as pages keep it: without what none of them shows, however much the model wrote. */
export interface ShownAnswer extends Pick<Answer, 'prompt' | 'repeat' | 'seconds' | 'max_tokens' | 'error'> {
  /** Null: the response is no chat completion. */
  readonly reply: Reply | null;
  /** The response in place of a reply; null: there is a reply, or nothing came. */
  readonly raw: Part | null;
}

/** Characters of a part that a page shows: many times what an ordinary answer has. */
const longest = 200_000;

/** A copy: a slice of a text of 10 MB would keep all of it in memory. Half a character at its end becomes a mark. */
const copied = (text: string): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));

const partOf = (text: string): Part => ({
  text: copied(text.slice(0, longest)),
  left: Math.max(0, text.length - longest),
});

function replyOf(response: unknown): Reply | null {
  const choices = asObject(response)?.choices;
  const choice = asObject(Array.isArray(choices) ? choices[0] : null);
  const message = asObject(choice?.message);
  if (message === null) return null;
  const { text, thoughts } = withoutThoughts(contentText(message.content));
  const apart = [message.reasoning, message.reasoning_content].map(contentText);
  const calls = Array.isArray(message.tool_calls) && message.tool_calls.length > 0 ? message.tool_calls : null;
  return {
    text: partOf(text),
    thoughts: partOf([...new Set([...apart, thoughts])].filter((part) => part.trim() !== '').join('\n')),
    calls: calls === null ? null : partOf(JSON.stringify(calls, null, 2)),
    cut: choice?.finish_reason === 'length',
  };
}

/** What a page keeps of an answer. */
export function shownAnswer({ prompt, repeat, seconds, max_tokens, error, response }: Answer): ShownAnswer {
  const reply = replyOf(response);
  const isRaw = reply === null && response !== null && response !== undefined;
  return {
    ...{ prompt, repeat, seconds, max_tokens, reply },
    error: error === null ? null : partOf(error).text,
    raw: isRaw ? partOf(JSON.stringify(response, null, 2)) : null,
  };
}
