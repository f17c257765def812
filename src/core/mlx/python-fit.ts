import * as z from 'zod';
import { isAtLeast } from '../version.ts';

/** The facts of a Python that decide whether mlx can be installed in it, as python/facts.py prints them. */
export const pythonHere = z.object({
  version: z.string(),
  /** `CPython`, `PyPy`. */
  implementation: z.string(),
  /** `Darwin`, `Linux`. */
  system: z.string(),
  /** `arm64`, `x86_64`. */
  machine: z.string(),
  /** Of a pointer: 32 or 64. */
  bits: z.int(),
  /** An Intel program that macOS runs on Apple silicon (Rosetta). */
  translated: z.boolean(),
  /** `2.36`. Null for another C library (musl), or another system. */
  glibc: z.string().nullable(),
});
export type PythonHere = z.infer<typeof pythonHere>;

/** Why mlx cannot be installed in a Python, and what to do instead. */
export interface Unfit {
  readonly why: string;
  readonly todo: string;
}

const processors = ['arm64', 'aarch64', 'x86_64', 'amd64'];

/** mlx 0.32 itself needs 3.10, for which pip only finds an mlx-lm that does not fit (0.31.3). */
const leastPython = [3, 11] as const;
/** Of the Linux packages of mlx (manylinux_2_35). */
const leastGlibc = [2, 35] as const;

/** Why pip has no working mlx for this Python, or null. The processor comes first: no other version helps there. */
export function unfitFor(here: PythonHere): Unfit | null {
  const name = `${here.implementation === 'CPython' ? 'Python' : here.implementation} ${here.version} on ${here.machine}`;
  const needs = (what: string, todo: string): Unfit => ({ why: `${name}: mlx needs ${what}`, todo });
  if (here.system === 'Darwin' && here.machine === 'x86_64') return intel(name, here);
  if (here.bits < 64) return needs(`a 64-bit Python, and this one has ${here.bits} bits`, another('a 64-bit Python'));
  if (!processors.includes(here.machine.toLowerCase()))
    return needs('an arm64 or x86_64 processor', 'Run phasebox on a machine with one of them.');
  if (here.implementation !== 'CPython') return needs('CPython', another('CPython 3.11 or newer'));
  if (!isAtLeast(here.version, leastPython))
    return needs('Python 3.10 or newer, and mlx-lm needs 3.11', another('Python 3.11 or newer'));
  if (here.system === 'Linux' && (here.glibc === null || !isAtLeast(here.glibc, leastGlibc))) {
    const has = here.glibc === null ? 'another C library' : `glibc ${here.glibc}`;
    return needs(
      `glibc 2.35 or newer, and this system has ${has}`,
      'Use a newer system: Ubuntu 22.04, Debian 12, Fedora 36.',
    );
  }
  return null;
}

function intel(name: string, { translated }: PythonHere): Unfit {
  if (!translated)
    return {
      why: `${name}: mlx needs Apple silicon, and this Mac has an Intel processor`,
      todo: 'Run phasebox on a Mac with Apple silicon, or on Linux.',
    };
  return {
    why: `${name}: mlx needs an arm64 Python, and this one is an Intel build that runs under Rosetta`,
    // A universal Python has the architecture of the process that starts it, which is node.
    todo: `${another('an arm64 Python (the Homebrew in /opt/homebrew, or python.org)')} Check that \`node -p process.arch\` prints arm64 too.`,
  };
}

const another = (what: string): string =>
  `Install ${what}, make an environment with it (\`python3 -m venv .venv\`), and install mlx-lm there; or set \`python\` in phasebox.yaml (or PHASEBOX_PYTHON) to one that has it.`;
