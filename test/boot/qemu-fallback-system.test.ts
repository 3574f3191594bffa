import fs from 'node:fs';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Fault, fallsBack, titleOf } from './appliance/fallback.ts';
import { HOOK } from './appliance/initramfs.ts';
import { APPLIANCE_PROGRAMS } from './appliance/qemu.ts';
import { broken, SAVED } from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

/** The real one, which does not wait as long for a system that stands still. */
const impatient = fs
  .readFileSync(HOOK, 'utf8')
  .replace(/^watchdog_seconds=60$/m, 'watchdog_seconds=15');
const HANGS = `#!/bin/sh
kill -STOP -1
echo everything stands still >/dev/console
while :; do :; done
`;

const FAULTS: Fault[] = [
  {
    name: 'a system without init',
    image: broken('2.0.0-no-init', {
      without: [...SAVED, 'sbin/init'],
    }),
    says: /quantix-root: error: the slot has no program \/sbin\/init; rebooting/,
  },
  {
    name: 'an init that ends at once',
    image: broken('2.0.0-init', { scripts: { 'sbin/init': '#!/bin/sh\nexit 3\n' } }),
    says: /Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300/,
    triesLeft: 1,
  },
  {
    name: 'a slot that holds nothing',
    image: null,
    says: /error: unknown filesystem/,
    triesLeft: 1,
  },
  {
    name: 'a hang that the watchdog ends',
    image: broken('2.0.0-hang', {
      kernel: 'full',
      init: impatient,
      scripts: { 'sbin/init': HANGS },
    }),
    says: /everything stands still/,
    watchdog: true,
  },
];

for (const fault of FAULTS) {
  t.test(titleOf(fault), programs, (t) => fallsBack(t, fault));
}
