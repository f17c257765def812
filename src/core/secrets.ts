import { isMapping } from './mapping.ts';

const redacted = '[redacted]';
/** Names whose values are secrets: of an environment variable, a field, or a parameter in a URL. */
const secretName = /token|secret|password|key/i;

/** A copy without secrets: by name, in URLs, in `NAME_TOKEN=value`, and `known` values anywhere. */
export function withoutSecrets(value: unknown, known: readonly string[] = []): unknown {
  if (typeof value === 'string') return textWithoutSecrets(value, known);
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, known));
  if (typeof value !== 'object' || value === null) return value;
  const shown = (name: string, item: unknown) => (secretName.test(name) ? masked(item) : withoutSecrets(item, known));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown(name, item)]));
}

/** Strings become `[redacted]` at any depth. Numbers stay: `max_tokens: 512` is not a secret. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return redacted;
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(item)]));
}

/** Each of these reads a word once. Tried at every character, a word of 100 KB without a secret took 12 s. */

/** A word up to its last @, in which URLs are searched. */
const wordUpToAt = /(?<![^\s"'])[^\s"']*@/g;
/** The second form allows "/" in the password, since people forget to encode it. */
const userinfo = /([a-z0-9+.-]:\/\/)(?:[^\s"'/]*@|[^\s"'/@:]*:[^\s"']*@)/gi;
const secretParameter = /([?&](?=[\w-]+=)[\w-]*(?:token|secret|password|key)[\w-]*=)[^&\s"']+/gi;
/** Upper case only, since "unknown key=.." and "max_tokens=512" are ordinary text. */
const secretVariable = /\b(?=[A-Z0-9_]+=)([A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|KEY)[A-Z0-9_]*=)("[^"]*"|'[^']*'|\S+)/g;

/** A text without secrets and without the `known` ones. */
export function textWithoutSecrets(text: string, known: readonly string[]): string {
  const plain = text
    .replace(wordUpToAt, (word) => word.replace(userinfo, `$1${redacted}@`))
    .replace(secretParameter, `$1${redacted}`)
    .replace(secretVariable, `$1${redacted}`);
  return known.reduce((safe, secret) => safe.replaceAll(secret, redacted), plain);
}

/** Values of variables with a secret name. Removing short values and paths would blank ordinary text. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    secretName.test(name) && value !== undefined && value.length >= 12 && !value.startsWith('/') ? [value] : [],
  );
}

/** `TOKENIZERS_PARALLELISM: "false"` is not a secret. */
const switchWord = /^(?:true|false|yes|no|on|off|[01]|)$/i;

/** Whether an `env` has a value that must not be shown. Files with it are readable by their owner only. */
export const holdsSecrets = (env: unknown): boolean =>
  isMapping(env) && Object.entries(env).some(([name, value]) => shownAt(`env.${name}`, value) !== value);

/** Anyone who knows one of these addresses can send messages to it. */
const secretAddress = /^notify\.(?:ntfy|webhook)$/;

/** A value of a config as it may be shown, by its path (`env.HF_TOKEN`). Secrets of `env` and `notify` are hidden. */
export function shownAt(path: string, value: unknown): unknown {
  if (secretAddress.test(path)) return value === undefined || value === null ? value : redacted;
  if (path === 'notify' && isMapping(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shownAt(`notify.${name}`, item)]));
  if (path === 'env' && isMapping(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shownAt(`env.${name}`, item)]));
  const name = /^env\.(.+)$/s.exec(path)?.[1];
  if (name === undefined || value === undefined || value === null) return value;
  if (!secretName.test(name)) return withoutSecrets(value);
  return typeof value === 'string' && switchWord.test(value) ? value : redacted;
}
