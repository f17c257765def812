import { randomBytes } from 'node:crypto';

/**
 * A name that no other process has: 12 hex digits. Not the pid: two containers on one workspace have equal ones.
 */
export const nonce = (): string => randomBytes(6).toString('hex');
