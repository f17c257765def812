import { expect } from 'chai';
import { type PythonHere, unfitFor } from '../../../src/core/mlx/python-fit.ts';

const linux: PythonHere = {
  version: '3.11.7',
  implementation: 'CPython',
  system: 'Linux',
  machine: 'x86_64',
  bits: 64,
  translated: false,
  glibc: '2.36',
};
const mac: PythonHere = { ...linux, system: 'Darwin', machine: 'arm64', glibc: null };

describe('unfitFor', () => {
  it('finds nothing wrong with a Python that pip has mlx for', () => {
    for (const here of [linux, mac, { ...linux, machine: 'aarch64' }, { ...linux, version: '3.14.0rc1' }])
      expect(unfitFor(here), JSON.stringify(here)).to.equal(null);
  });

  const cases: readonly (readonly [PythonHere, why: string, todo: RegExp])[] = [
    [
      { ...linux, version: '3.8.18' },
      'Python 3.8.18 on x86_64: mlx needs Python 3.10 or newer, and mlx-lm needs 3.11',
      /^Install Python 3\.11 or newer, make an environment with it/,
    ],
    [
      { ...mac, version: '3.9.6' },
      'Python 3.9.6 on arm64: mlx needs Python 3.10 or newer, and mlx-lm needs 3.11',
      /3\.11/,
    ],
    [
      { ...linux, version: '3.10.13' },
      'Python 3.10.13 on x86_64: mlx needs Python 3.10 or newer, and mlx-lm needs 3.11',
      /3\.11/,
    ],
    // a Python 2 does not tell its C library: its age is the reason
    [
      { ...linux, version: '2.7.18', glibc: null },
      'Python 2.7.18 on x86_64: mlx needs Python 3.10 or newer, and mlx-lm needs 3.11',
      /3\.11/,
    ],
    [
      { ...mac, machine: 'x86_64', translated: true },
      'Python 3.11.7 on x86_64: mlx needs an arm64 Python, and this one is an Intel build that runs under Rosetta',
      /\/opt\/homebrew.*node -p process\.arch/,
    ],
    [
      { ...mac, machine: 'x86_64', version: '3.8.2' },
      'Python 3.8.2 on x86_64: mlx needs Apple silicon, and this Mac has an Intel processor',
      /^Run phasebox on a Mac with Apple silicon, or on Linux\.$/,
    ],
    [
      { ...linux, machine: 'armv7l', bits: 32 },
      'Python 3.11.7 on armv7l: mlx needs a 64-bit Python, and this one has 32 bits',
      /^Install a 64-bit Python/,
    ],
    // a 32-bit Python on a 64-bit system tells the machine of the system
    [{ ...linux, bits: 32 }, 'Python 3.11.7 on x86_64: mlx needs a 64-bit Python, and this one has 32 bits', /64-bit/],
    [{ ...linux, machine: 'riscv64' }, 'Python 3.11.7 on riscv64: mlx needs an arm64 or x86_64 processor', /machine/],
    [{ ...linux, implementation: 'PyPy' }, 'PyPy 3.11.7 on x86_64: mlx needs CPython', /^Install CPython/],
    [
      { ...linux, glibc: null },
      'Python 3.11.7 on x86_64: mlx needs glibc 2.35 or newer, and this system has another C library',
      /Debian 12/,
    ],
    [
      { ...linux, glibc: '2.31' },
      'Python 3.11.7 on x86_64: mlx needs glibc 2.35 or newer, and this system has glibc 2.31',
      /Ubuntu 22\.04/,
    ],
  ];
  for (const [here, why, todo] of cases)
    it(why, () => {
      expect(unfitFor(here)?.why).to.equal(why);
      expect(unfitFor(here)?.todo).to.match(todo);
    });
});
