interface BrokerUrl {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: boolean;
  /** The URL without user name and password. */
  readonly where: string;
}

/** `problem` says what is wrong with the URL and what to write. It never quotes what may be a password. */
type ReadUrl = { readonly url: BrokerUrl } | { readonly problem: string };

const form = 'Write redis://:password@127.0.0.1:6379/0 (rediss:// for TLS).';
const escapes = 'In a user name or password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F and # as %23.';

/** Reads REDIS_URL. What the URL standard would silently read as something else is a problem. */
export function readBrokerUrl(text: string): ReadUrl {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'unix' || scheme === 'redis+socket' || text.startsWith('/'))
    return { problem: `It is the path of a unix socket, and only host and port can be used. ${form}` };
  if (scheme?.endsWith('sentinel'))
    return { problem: `It names a Sentinel: give the address of the primary itself. ${form}` };
  if (scheme !== 'redis' && scheme !== 'rediss')
    return { problem: `It does not start with redis:// or rediss://. ${form}` };
  if (!URL.canParse(text))
    return { problem: `Its host or port cannot be read. ${form} ${escapes} An IPv6 address needs brackets.` };
  return readParts(new URL(text));
}

const unescaped = `Its user name or password is not percent-encoded. ${escapes}`;

function readParts(parsed: URL): ReadUrl {
  const { hostname, port, pathname, search, hash, protocol } = parsed;
  // After an unescaped `#`, `/` or `?` in a password, the URL standard sees a fragment, path or query with the real `@`.
  if (`${pathname}${search}${hash}`.includes('@')) return { problem: unescaped };
  if (search !== '' || hash !== '')
    return { problem: `What follows "?" or "#" is not used: the database is a number after the port. ${form}` };
  const db = pathname.replace(/^\//, '');
  if (!/^\d{0,9}$/.test(db))
    return { problem: `What follows the port is not the number of a database, such as 0 to 15. ${form}` };
  const username = decoded(parsed.username);
  const password = decoded(parsed.password);
  if (username === null || password === null) return { problem: unescaped };
  const at = { port: port === '' ? 6379 : Number(port), db: Number(db) };
  return {
    url: {
      ...at,
      host: hostname === '' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, ''),
      username: username === '' ? null : username,
      password: password === '' ? null : password,
      tls: protocol === 'rediss:',
      where: `${protocol}//${hostname}:${at.port}/${at.db}`,
    },
  };
}

/** Null if a `%` does not begin an escape. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
