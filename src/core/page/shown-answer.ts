import type { Answer } from '../../events/suite.ts';
import { choiceIn, contentText, withoutThoughts } from '../score/read-answer.ts';
import { asObject } from '../score/tolerant-json.ts';

/** A text as a page shows it: its beginning, and how many more characters the page leaves out. */
export interface Part {
  readonly text: string;
  readonly left: number;
}

/** An answer as pages keep it: without what no page shows, however long the model's text is. */
export interface ShownAnswer
  extends Pick<Answer, 'prompt' | 'repeat' | 'seconds' | 'max_tokens' | 'error' | 'asked_again'> {
  /** It is null if the response is not a chat completion. */
  readonly reply: ReturnType<typeof replyOf>;
  /** The response, if there is no reply to show. It is null if there is a reply, or if nothing arrived. */
  readonly raw: Part | null;
}

/** How many characters of a part a page shows: many times the length of an ordinary answer. */
const longest = 200_000;

/** A copy, since a slice of a text of 10 MB would keep all of it in memory. Half a character becomes U+FFFD. */
const copied = (text: string): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));

const partOf = (text: string): Part => ({
  text: copied(text.slice(0, longest)),
  left: Math.max(0, text.length - longest),
});

/** A model's response, in the parts that a page shows. */
function replyOf(response: unknown) {
  const choice = choiceIn(response);
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
export function shownAnswer(answer: Answer): ShownAnswer {
  const { prompt, repeat, seconds, max_tokens, error, response, asked_again } = answer;
  const reply = replyOf(response);
  const isRaw = reply === null && response !== null && response !== undefined;
  return {
    ...{ prompt, repeat, seconds, max_tokens, reply },
    ...(asked_again !== undefined && { asked_again }),
    error: error === null ? null : partOf(error).text,
    raw: isRaw ? partOf(JSON.stringify(response, null, 2)) : null,
  };
}
