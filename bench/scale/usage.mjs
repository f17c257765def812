// Loaded into a command by --import: leaves what the process used in USAGE_FILE. The processes that it starts have none.
import { writeFileSync } from 'node:fs';

const file = process.env.USAGE_FILE;
delete process.env.USAGE_FILE;
if (file !== undefined) process.on('exit', () => writeFileSync(file, JSON.stringify(process.resourceUsage())));
