import { requantise } from '../helpers/requantise.ts';

requantise([0, 1, 2]);
