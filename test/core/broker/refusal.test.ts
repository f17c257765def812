import { expect } from 'chai';
import { refusalOf, refusalText, silenceOf } from '../../../src/core/broker/refusal.ts';

const where = 'redis://127.0.0.1:6379/0';

describe('what a broker refuses, in words', () => {
  const script = 'script: 87e979b46c3d2b6cef4f6ec5a4baa33c247b23c7, on @user_script:3.';
  const replies: readonly (readonly [reply: string, words: RegExp])[] = [
    [`OOM command not allowed when used memory > 'maxmemory'. ${script}`, /memory is full.*maxmemory'\)\. Raise/],
    [`READONLY You can't write against a read only replica. ${script}`, /read-only replica.*the primary/],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", /lost its primary/],
    ['NOREPLICAS Not enough good replicas to write.', /too few replicas/],
    ['CLUSTERDOWN Hash slot not served', /part of a cluster.*single server/],
    ['MOVED 3999 127.0.0.1:6381', /part of a cluster/],
    ["CROSSSLOT Keys in request don't hash to the same slot", /part of a cluster/],
    ['ERR SELECT is not allowed in cluster mode', /part of a cluster/],
    ['MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.', /own data to disk/],
    ['MISCONF Errors writing to the AOF file: No space left on device', /own data to disk.*Free space/],
    ['NOPERM this user has no permissions to access one of the keys used as arguments', /ACL.*~phasebox:\*/],
    [`ERR The user executing the script can't run this command or subcommand ${script}`, /ACL/],
    ['LOADING Redis is loading the dataset in memory', /busy/],
    ['ERR DB index is out of range', /no database of that number/],
    ["ERR unknown command 'eval', with args beginning with: 'hunter2' ", /lacks a command.*Sentinel/],
    ['SOMETHING new', /SOMETHING new/],
  ];
  for (const [reply, words] of replies)
    it(reply.slice(0, 50), () => {
      const text = refusalText(where, refusalOf(reply));
      expect(text).to.match(words).and.contain(`${where} refuses writes`);
      expect(text).not.to.match(/hunter2|user_script|\n/);
    });

  const errors: readonly (readonly [message: string, words: RegExp])[] = [
    ['WRONGPASS invalid username-password pair or user is disabled.', /user name or password/],
    ['NOAUTH HELLO must be called with the client already authenticated', /user name or password/],
    ["ERR unknown command 'AUTH', with args beginning with: 'hunter2'", /user name or password/],
    ['ERR max number of clients reached', /maxclients/],
    ['DENIED Redis is running in protected mode because', /protected mode/],
    ['Unknown RESP type 72 "H". Please report this.', /not a Redis.*web server/],
    ['write EPROTO: SSL routines:ssl3_get_record:wrong version number', /TLS/],
    ['connect ETIMEDOUT', /never replied/],
    ['no answer within 4 s', /never replied/],
    ['Connection is closed.', /closed the connection/],
    ['LOADING Redis is loading the dataset in memory', /busy/],
    ['connect ECONNREFUSED 127.0.0.1:6379', /ECONNREFUSED 127\.0\.0\.1:6379\. Start it/],
  ];
  for (const [message, words] of errors)
    it(message.slice(0, 50), () => {
      const text = refusalText(where, silenceOf(message));
      expect(text).to.match(words).and.contain(`${where} does not answer`);
      expect(text).not.to.contain('hunter2');
    });
});
