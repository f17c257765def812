import { isMapping, type Mapping } from '../mapping.ts';
import { isAtLeast } from '../version.ts';

export const updateMlxLm = 'python -m pip install --upgrade mlx-lm';

/** Versions that are known to fail together, although pip installs them together. */
interface KnownPair {
  /** mlx-lm older than this. */
  readonly mlxLmBefore: readonly number[];
  readonly other: 'mlx' | 'transformers';
  /** The other package from this version on. */
  readonly from: readonly number[];
  readonly happens: string;
  /** The message in the log. */
  readonly symptom: string;
  /** True if models without experts work. */
  readonly expertsOnly: boolean;
}

const knownPairs: readonly KnownPair[] = [
  // Reported: ml-explore/mlx-lm issues 1787 and 1814, ml-explore/mlx pull request 3820.
  // Seen to fail: mlx-lm 0.31.3 with mlx 0.32.1, 0.32.2, 0.32.4; mlx-lm 0.30.7 and 0.31.1, tried with mlx 0.32.4 only.
  // Seen to work: mlx-lm 0.31.3 with mlx 0.31.2 and 0.32.0; mlx-lm 0.32.2 with mlx 0.32.4.
  {
    mlxLmBefore: [0, 32, 0],
    other: 'mlx',
    from: [0, 32, 1],
    happens: 'the training of a mixture of experts fails at its first step',
    symptom: 'Cannot calculate VJP with respect to indices',
    expertsOnly: true,
  },
  // Reported: ml-explore/mlx-lm issue 1458, pull request 1465.
  // Seen to fail: mlx-lm 0.31.3 with transformers 5.13.0. Seen to work: with transformers 5.12.1.
  {
    mlxLmBefore: [0, 32, 0],
    other: 'transformers',
    from: [5, 13, 0],
    happens: 'mlx-lm cannot be imported',
    symptom: "'str' object has no attribute '__module__'",
    expertsOnly: false,
  },
];

/** A sentence for each pair of versions known to fail for the model of this config.json, or for any model if null. */
export function badPairs(versions: Readonly<Record<string, string>>, config: Mapping | null): string[] {
  const { mlx_lm: mlxLm } = versions;
  return knownPairs.flatMap((pair) => {
    const other = versions[pair.other];
    if (mlxLm === undefined || other === undefined) return [];
    const fails = !isAtLeast(mlxLm, pair.mlxLmBefore) && isAtLeast(other, pair.from);
    if (!fails || (pair.expertsOnly && config !== null && !hasExperts(config))) return [];
    return `mlx-lm ${mlxLm} does not work with ${pair.other} ${other}: ${pair.happens} ("${pair.symptom}")`;
  });
}

/** The keys in which config.json of a mixture of experts counts them. The names differ between families. */
const expertCounts = ['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_num_experts'];

function hasExperts(config: Mapping): boolean {
  const inner = isMapping(config.text_config) ? config.text_config : {};
  return [config, inner].some((one) => expertCounts.some((key) => typeof one[key] === 'number' && one[key] > 1));
}
