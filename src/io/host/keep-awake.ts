import { isExecutable } from './which.ts';

/** The program of macOS that keeps the machine awake. `wrap.sh` runs it for as long as a tool works. */
export const caffeinate = '/usr/bin/caffeinate';

/** How the machine stays awake for a night. `no`: this system has no such program that phasebox uses. */
export async function keepsAwake(platform: NodeJS.Platform): Promise<'caffeinate' | 'missing' | 'no'> {
  if (platform !== 'darwin') return 'no';
  return (await isExecutable(caffeinate)) ? 'caffeinate' : 'missing';
}
