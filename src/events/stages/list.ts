/** All stages. A new stage is a line here, its row in this folder, and its worker in `workers/stages/`. */
export { cleanup } from './cleanup.ts';
export { evaluation as eval } from './eval.ts';
export { fuse } from './fuse.ts';
export { quantize } from './quantize.ts';
export { select } from './select.ts';
export { train } from './train.ts';
