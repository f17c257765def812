import { type Call, nativeCalls, textCalls } from './calls.ts';
import { findAhead } from './find-ahead.ts';
import { asObject, jsonText } from './tolerant-json.ts';

/** What the scorer looks at in one chat completion. */
export interface ReadAnswer {
  /** What was said, thoughts left out. */
  readonly text: string;
  /** What `assert` looks at: the text; native calls as JSON in its place, or beside it (`{content, tool_calls}`). */
  readonly output: string;
  readonly calls: readonly Call[];
  /** The call that the score hangs on: the first native one; in text the first of the wrapper, else the first. */
  readonly deciding: Call | null;
  readonly thought: boolean;
  /** The answer was ended by max_tokens. */
  readonly cut: boolean;
}

/** Reads a chat completion; null when it is none (no message in it). Never throws. */
export function readAnswer(response: unknown, wrapper: string): ReadAnswer | null {
  const choices = asObject(response)?.choices;
  const choice = asObject(Array.isArray(choices) ? choices[0] : null);
  const message = asObject(choice?.message);
  if (message === null) return null;
  const { text, thoughts } = withoutThoughts(contentText(message.content));
  const native = nativeCalls(message.tool_calls);
  const written = textCalls(text);
  const reasoning = [message.reasoning, message.reasoning_content, thoughts];
  return {
    text,
    // The blank lines that follow thoughts are no part of what was said.
    output: outputOf(thoughts === '' ? text : text.trimStart(), message.tool_calls),
    calls: [...native, ...written],
    deciding: native[0] ?? written.find((call) => call.name === wrapper) ?? written[0] ?? null,
    thought: reasoning.some((part) => contentText(part).trim() !== ''),
    cut: choice?.finish_reason === 'length',
  };
}

/** As promptfoo makes one text of an answer with native calls. */
function outputOf(text: string, toolCalls: unknown): string {
  if (!Array.isArray(toolCalls) || toolCalls.length === 0) return text;
  return jsonText(text === '' ? toolCalls : { content: text, tool_calls: toolCalls });
}

/** `content` is a text, null, or a list of parts of which those with a text count. */
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

/**
 * Takes `<think>..</think>` out of a text. An unclosed one runs to the end; a closing mark alone means that the prompt
 * had opened it, so all before it was thought.
 */
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
