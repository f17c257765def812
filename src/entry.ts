import { isAtLeast, oldestNode, toleratedNode } from './core/version.ts';

/**
 * What `phasebox` starts. It imports nothing of Node, and scripts/build.mjs writes it in the syntax of Node 12: a Node
 * that is too old would fail at the command's imports with a syntax error, or in the middle of its work.
 */
const { node } = process.versions;
if (!isAtLeast(node, oldestNode)) {
  process.stderr.write(
    `phasebox needs Node ${oldestNode.join('.')} or newer, and this is Node ${node} (${process.execPath}).\n` +
      'Install a newer one: `brew install node` on macOS, `nvm install --lts` with nvm, or https://nodejs.org.\n',
  );
}
if (isAtLeast(node, toleratedNode)) void import('./cli.ts');
else process.exitCode = 3;
