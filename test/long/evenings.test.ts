import { sabotages } from '../helpers/evenings.ts';
import { evening } from '../helpers/evenings-checks.ts';

/** Every sabotage in one evening, with the real mlx_lm. */
evening('all sabotages in one evening', sabotages, { andCorrected: true });
