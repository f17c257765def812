import { runCommand } from '../../src/commands/run-command.ts';

/* Runs several commands one after the other in this one process: argv is a JSON list of theirs. Prints a JSON line each. */

const kept = { out: '', err: '' };
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text) => keep('out', text);
process.stderr.write = (text) => keep('err', text);

function keep(stream: keyof typeof kept, text: string | Uint8Array): boolean {
  kept[stream] += String(text);
  return true;
}

const commands: readonly (readonly string[])[] = JSON.parse(process.argv[2] ?? '[]');
for (const argv of commands) {
  Object.assign(kept, { out: '', err: '' });
  const code = await runCommand(['node', 'phasebox', ...argv]);
  write(`${JSON.stringify({ argv, code, ...kept })}\n`);
}
write('', () => process.exit(0));
