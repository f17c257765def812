/* The arrows of src: `npm run lint` refuses an import of a higher floor and a cycle. ARCHITECTURE.md says what lies on each. */

/** Floors from the lowest to the highest: a folder may import its own files and those of the folders before it. `.`: files beside the folders. */
const floors = {
  'src/core': ['.', 'stats', 'score', 'mlx', 'select', 'config', 'run', 'plan', 'compare', 'broker', 'page'],
  'src/io': [
    ...['disk', 'host', 'thread', 'model', 'tool', 'claim', 'artifacts', 'workspace', 'broker', 'server'],
    ...['page', 'board'],
  ],
  'src/workers': ['stages', 'runtime', 'attempt', 'models', 'rehearsal', 'queue', 'control', '.'],
  src: ['events', 'core', 'io', 'producers', 'workers', 'commands', '.'],
};

const inFolder = (root, name) => (name === '.' ? `^${root}/[^/]+$` : `^${root}/${name}/`);
const upward = Object.entries(floors).flatMap(([root, names]) =>
  names.slice(0, -1).map((name, floor) => ({
    name: `${name === '.' ? root : `${root}/${name}`} imports from no floor above its own`,
    severity: 'error',
    from: { path: inFolder(root, name) },
    to: { path: names.slice(floor + 1).map((one) => inFolder(root, one)) },
  })),
);

// biome-ignore lint/style/noDefaultExport: dependency-cruiser reads this one.
export default {
  forbidden: [
    ...upward,
    {
      name: 'producers and workers do not know each other',
      severity: 'error',
      from: { path: '^src/producers/' },
      to: { path: '^src/workers/' },
    },
    {
      name: 'workers and producers do not know each other',
      severity: 'error',
      from: { path: '^src/workers/' },
      to: { path: '^src/producers/' },
    },
    {
      name: 'no cycle',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'contracts and the pure core have no effects',
      severity: 'error',
      from: { path: '^src/(?:events|core)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(?:node:)?path$' },
    },
    {
      name: 'contracts and the pure core use no library that has effects',
      severity: 'error',
      from: { path: '^src/(?:events|core)/' },
      to: { path: 'node_modules/(?:bullmq|ioredis|execa|chokidar|pino|hono|@hono|@bull-board)/' },
    },
    {
      name: 'BullMQ stays in io/broker',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/io/broker/' },
      to: { path: 'node_modules/bullmq/' },
    },
    {
      name: 'a stage gets its effects through its context',
      severity: 'error',
      from: { path: '^src/workers/stages/' },
      to: { path: '^src/io/' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  },
};
