import { sabotages } from '../helpers/evenings.ts';
import { evenings } from '../helpers/evenings-checks.ts';

/** Every sabotage in one evening, with the real mlx_lm. */
evenings('all sabotaged evenings', sabotages);
