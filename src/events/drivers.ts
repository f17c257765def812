/** The programs of `python/`, small drivers around mlx_lm's own functions. `doctor` starts each of them once. */
export const drivers = [
  'facts',
  'download',
  'render_prompts',
  'check_data',
  'split_data',
  'val_loss',
  'fuse_direct',
  'serve',
  'model_cost',
  'train',
  'rehearse',
  'measure_blas',
] as const;

export type Driver = (typeof drivers)[number];
