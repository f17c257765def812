import { type Call, findAhead, nativeCalls, textCalls } from './calls.ts';
import { asObject, jsonText } from './tolerant-json.ts';

/** The parts of a chat completion that the scorer uses. */
export interface ReadAnswer {
  /** The text without thoughts. */
  readonly text: string;
  /** What `assert` checks: the text. Native calls as JSON replace it, or are added to it (`{content, tool_calls}`). */
  readonly output: string;
  readonly calls: readonly Call[];
  /** The call that decides the score: the first native one, else the wrapper's first in the text, else the first. */
  readonly deciding: Call | null;
  readonly thought: boolean;
  /** max_tokens ended the answer. */
  readonly cut: boolean;
}

/** Reads a chat completion. Null if it is not one (has no message). Never throws. */
export function readAnswer(response: unknown, wrapper: string): ReadAnswer | null {
  const choice = choiceIn(response);
  const message = asObject(choice?.message);
  if (message === null) return null;
  const { text, thoughts } = withoutThoughts(contentText(message.content));
  const native = nativeCalls(message.tool_calls);
  const written = textCalls(text);
  const reasoning = [message.reasoning, message.reasoning_content, thoughts];
  return {
    text,
    // The blank lines after thoughts are not part of the answer.
    output: outputOf(thoughts === '' ? text : text.trimStart(), message.tool_calls),
    calls: [...native, ...written],
    deciding: native[0] ?? written.find((call) => call.name === wrapper) ?? written[0] ?? null,
    thought: reasoning.some((part) => contentText(part).trim() !== ''),
    cut: choice?.finish_reason === 'length',
  };
}

/** The first choice of a chat completion. Null if there is none. */
export function choiceIn(response: unknown): Readonly<Record<string, unknown>> | null {
  const choices = asObject(response)?.choices;
  return asObject(Array.isArray(choices) ? choices[0] : null);
}

/** Makes one text of an answer with native calls, as promptfoo does. */
function outputOf(text: string, toolCalls: unknown): string {
  if (!Array.isArray(toolCalls) || toolCalls.length === 0) return text;
  return jsonText(text === '' ? toolCalls : { content: text, tool_calls: toolCalls });
}

/** `content` is a text, null, or a list of parts, of which those with a text count. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => asObject(part)?.text)
    .filter((text) => typeof text === 'string')
    .join('');
}

const open = '<think>';
const close = '</think>';

/** Removes `<think>..</think>`: to the end if unclosed, from the start if the prompt had opened it. */
export function withoutThoughts(content: string): { text: string; thoughts: string } {
  const thoughts: string[] = [];
  const said: string[] = [];
  const nextOpen = findAhead(content, open);
  const nextClose = findAhead(content, close);
  for (let from = 0; ; ) {
    const opened = nextOpen(from);
    const closed = nextClose(from);
    if (opened === content.length && closed === content.length)
      return { text: [...said, content.slice(from)].join(''), thoughts: thoughts.join('\n') };
    if (closed < opened) {
      thoughts.push(said.splice(0).join(''), content.slice(from, closed));
      from = closed + close.length;
    } else {
      said.push(content.slice(from, opened));
      thoughts.push(content.slice(opened + open.length, closed));
      from = Math.min(content.length, closed + close.length);
    }
  }
}
