import type { keepsAwake } from '../../io/host/keep-awake.ts';

/** Whether the machine stays awake for the night, for `up` and `doctor`. */
export const awakeText: Readonly<Record<Awaited<ReturnType<typeof keepsAwake>>, string>> = {
  // An active display shares the GPU: on some Macs its watchdog then kills a long training (mlx issue 3267).
  caffeinate:
    'keeps this Mac awake while a tool works; the display may sleep, and should (an active one can get a training killed: mlx issue 3267)',
  missing: '/usr/bin/caffeinate does not exist, so nothing keeps this Mac awake',
  no: 'phasebox does not keep this machine awake: turn off sleep, or use `systemd-inhibit --what=idle:sleep phasebox up`',
};
