import { totalmem } from 'node:os';
import { expect } from 'chai';
import { limitOnLinux, limitOnMac, memoryLimit } from '../../../src/io/host/memory-limit.ts';

const gigabyte = 2 ** 30;

describe('the memory that a training may use', () => {
  it('is what a person wrote, in GB', () => {
    expect(memoryLimit(24)).to.equal(24 * gigabyte);
    expect(memoryLimit(0.5)).to.equal(gigabyte / 2);
  });

  it('is less than this machine has, if nobody wrote it', () => {
    expect(memoryLimit()).to.be.greaterThan(0).and.lessThan(totalmem());
  });

  it('leaves a tenth of a machine to the system, at least 1 GB, at most half', () => {
    expect(limitOnLinux(64 * gigabyte)).to.equal(Math.round(57.6 * gigabyte));
    expect(limitOnLinux(4 * gigabyte)).to.equal(3 * gigabyte);
    expect(limitOnLinux(gigabyte)).to.equal(gigabyte / 2);
  });

  it('on a Mac is below what Metal recommends: two thirds, three quarters, or what a person has set', () => {
    expect(limitOnMac(36 * gigabyte, 0)).to.equal(Math.round(24 * 0.95 * gigabyte));
    expect(limitOnMac(64 * gigabyte, 0)).to.equal(Math.round(48 * 0.95 * gigabyte));
    expect(limitOnMac(64 * gigabyte, 56 * gigabyte)).to.equal(Math.round(56 * 0.95 * gigabyte));
  });
});
