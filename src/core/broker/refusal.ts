/** What keeps jobs from being queued. */
export interface Refusal {
  /** `refuses` means that it answers with an error, and `away` that it does not answer. */
  readonly kind: 'refuses' | 'away';
  /** What is wrong, with the broker's own words in parentheses. */
  readonly what: string;
  readonly next: string;
}

type Rule = Omit<Refusal, 'kind'> & { readonly pattern: RegExp };

/** Errors of Redis and Valkey, by their beginning. The first match counts. */
const refusals: readonly Rule[] = [
  {
    pattern: /^OOM/,
    what: 'its memory is full',
    next: 'Raise its limit (CONFIG SET maxmemory 0 removes it) or remove other keys.',
  },
  {
    pattern: /^READONLY/,
    what: 'it is a read-only replica',
    next: 'Give the address of the primary, or make this server the primary: REPLICAOF NO ONE.',
  },
  {
    pattern: /^MASTERDOWN/,
    what: 'it is a replica that has lost its primary',
    next: 'Give the address of the primary, or make this server the primary: REPLICAOF NO ONE.',
  },
  {
    pattern: /^NOREPLICAS/,
    what: 'it has too few replicas (min-replicas-to-write)',
    next: 'Start its replicas, or CONFIG SET min-replicas-to-write 0.',
  },
  {
    pattern: /^(CLUSTERDOWN|MOVED|ASK|CROSSSLOT|TRYAGAIN)|not allowed in cluster mode/,
    what: 'it is part of a cluster',
    next: 'phasebox needs a single server: one that is not in cluster mode.',
  },
  {
    pattern: /^MISCONF/,
    what: 'it cannot write its own data to disk',
    next: "Free space on the broker's disk or correct its folder; its log says more.",
  },
  {
    pattern: /^NOPERM|can't run this command|ACL failure/,
    what: 'its user (ACL) may not do what phasebox does',
    next: 'Allow it: ACL SETUSER name ~phasebox:* +@all -@admin -@dangerous.',
  },
  {
    pattern: /^(LOADING|BUSY)/,
    what: 'it is busy',
    next: 'It accepts writes again when it has finished; nothing to do.',
  },
  {
    pattern: /DB index/,
    what: 'it has no database of that number',
    next: 'Use a lower number (most servers have 0 to 15), or raise `databases` in its configuration.',
  },
  {
    pattern: /^ERR unknown command/i,
    what: 'it lacks a command that phasebox needs',
    next: 'Is it a Sentinel, a proxy, or a server with renamed commands? phasebox needs a plain Redis or Valkey.',
  },
];

const silences: readonly Rule[] = [
  {
    pattern: /^(WRONGPASS|NOAUTH)|invalid password|AUTH/,
    what: 'it refuses the user name or password',
    next: 'Correct the password in the URL.',
  },
  {
    pattern: /max number of clients/,
    what: 'it has as many clients as it allows (maxclients)',
    next: 'Raise maxclients, or close other clients.',
  },
  {
    pattern: /protected mode/,
    what: 'it is in protected mode and accepts local clients only',
    next: 'Set a password on it, or run it on this machine.',
  },
  {
    pattern: /RESP type|Protocol error/,
    what: 'what answers there is not a Redis',
    next: 'Is it the port of another program, such as a web server?',
  },
  {
    pattern: /SSL|TLS|wrong version number|certificate/i,
    what: 'the TLS connection failed',
    next: 'If the port has no TLS, write redis:// in place of rediss://.',
  },
  {
    pattern: /no answer|ETIMEDOUT|timed out/i,
    what: 'it accepted no connection, or never replied',
    next: 'Does the port belong to a Redis, with TLS where the URL says rediss://?',
  },
  {
    pattern: /Connection is closed|EPIPE|ECONNRESET/,
    what: 'it closed the connection at once',
    next: 'Does it require TLS (rediss://), or has it reached maxclients?',
  },
];

/** An error reply of the broker in words: it answers, but refuses what phasebox needs. */
export const refusalOf = (message: string): Refusal =>
  explained(message, refusals, { kind: 'refuses', next: 'Its log may say more.' });

/** Why a connection failed, in words. */
export const silenceOf = (message: string): Refusal =>
  explained(message, [...silences, ...refusals], { kind: 'away', next: 'Start it.' });

function explained(message: string, rules: readonly Rule[], otherwise: Omit<Refusal, 'what'>): Refusal {
  const rule = rules.find(({ pattern }) => pattern.test(message));
  if (rule === undefined) return { ...otherwise, what: cleaned(message) };
  return { kind: otherwise.kind, what: `${rule.what} (${cleaned(message)})`, next: rule.next };
}

/** On one line, without the position in a script, and without the quoted commands. */
const cleaned = (message: string): string =>
  message
    .replace(/,? with args beginning with:.*/s, '')
    .replace(/\.? ?script: .*/s, '')
    .replace(/ Please report this\.?/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.,]$/, '');

/** `The broker at redis://... refuses writes: its memory is full (OOM ...).` A second sentence says what to do. */
export function refusalText(where: string, { kind, what, next }: Refusal): string {
  const verb = kind === 'refuses' ? 'refuses writes' : 'does not answer';
  return `The broker at ${where} ${verb}: ${what}. ${next}`;
}
