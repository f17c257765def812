import { expect } from 'chai';
import { readBrokerUrl } from '../../../src/core/broker/read-url.ts';

const read = (text: string) => {
  const found = readBrokerUrl(text);
  return 'problem' in found ? found.problem : found.url;
};

describe('the URL of a broker', () => {
  const right: Readonly<Record<string, object>> = {
    'redis://127.0.0.1:6379/0': { host: '127.0.0.1', port: 6379, db: 0, tls: false, where: 'redis://127.0.0.1:6379/0' },
    'redis://localhost': { host: 'localhost', port: 6379, db: 0 },
    'redis://localhost/': { db: 0 },
    'redis://host/15': { port: 6379, db: 15 },
    'REDIS://host:1': { host: 'host', port: 1 },
    'rediss://default:pw@host:6380': { tls: true, username: 'default', password: 'pw', where: 'rediss://host:6380/0' },
    'redis://:100%25@127.0.0.1:6379': { password: '100%' },
    'redis://:p%40ss%23w%2Frd@127.0.0.1:6379': { password: 'p@ss#w/rd' },
    'redis://:p@ss@127.0.0.1:6379': { host: '127.0.0.1', password: 'p@ss' },
    'redis://[::1]:7000/3': { host: '::1', port: 7000, db: 3, where: 'redis://[::1]:7000/3' },
    'redis://': { host: '127.0.0.1' },
  };
  for (const [text, parts] of Object.entries(right)) it(`${text} is read`, () => expect(read(text)).to.include(parts));

  const secret = 's3cret';
  const wrong: Readonly<Record<string, RegExp>> = {
    'redis://:100%@127.0.0.1:6379': /percent-encoded.*% as %25/,
    [`redis://:${secret}%zz@127.0.0.1:6379`]: /percent-encoded/,
    'redis://127.0.0.1:6379/abc': /not the number of a database/,
    'redis://127.0.0.1:6379/-1': /not the number of a database/,
    'redis://127.0.0.1:6379/1.5': /not the number of a database/,
    'redis://127.0.0.1:6379/0/1': /not the number of a database/,
    [`redis://:p@${secret}#w/rd@127.0.0.1:6379`]: /percent-encoded.*@ as %40.*# as %23/,
    [`redis://:${secret}?x@127.0.0.1:6379`]: /cannot be read.*\? as %3F/,
    [`redis://:${secret}/x@127.0.0.1:6379`]: /cannot be read.*\/ as %2F/,
    'redis://127.0.0.1:6379?db=3': /database is a number after the port/,
    'redis://127.0.0.1:6379/0?db=3': /database is a number after the port/,
    'redis://127.0.0.1:6379/0#3': /database is a number after the port/,
    'unix:///var/run/redis.sock': /unix socket/,
    'redis+socket:///var/run/redis.sock': /unix socket/,
    '/var/run/redis.sock': /unix socket/,
    'redis:///var/run/redis.sock': /not the number of a database/,
    'redis-sentinel://127.0.0.1:26379/mymaster': /Sentinel/,
    'http://127.0.0.1:6379': /does not start with redis/,
    '127.0.0.1:6379': /does not start with redis/,
    'redis:127.0.0.1:6379': /does not start with redis/,
    '"redis://127.0.0.1:6379"': /does not start with redis/,
    [`${secret}@127.0.0.1:6379`]: /does not start with redis/,
    'redis://::1:6379': /IPv6 address needs brackets/,
    'redis://127.0.0.1:port': /host or port/,
    'redis://127.0.0.1:99999': /host or port/,
    ' ': /does not start with redis/,
  };
  for (const [text, problem] of Object.entries(wrong))
    it(`${JSON.stringify(text)} is refused in words, without its password`, () => {
      expect(read(text)).to.be.a('string').and.match(problem).and.not.contain(secret);
    });
});
