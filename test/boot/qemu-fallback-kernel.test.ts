import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Fault, fallsBack, titleOf } from './appliance/fallback.ts';
import { APPLIANCE_PROGRAMS } from './appliance/qemu.ts';
import { broken } from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

const FAULTS: Fault[] = [
  {
    name: 'a kernel that GRUB does not load',
    image: broken('2.0.0-kernel', { damage: (kernel) => kernel.fill(0, 0, 1024) }),
    says: /error: invalid magic number/,
  },
  {
    name: 'an initramfs of other bytes',
    image: broken('2.0.0-initramfs', {
      damage: (_kernel, initramfs) => initramfs.fill(0x55),
    }),
    says: /Kernel panic - not syncing: VFS: Unable to mount root fs/,
    triesLeft: 1,
  },
  {
    name: 'a kernel panic',
    image: broken('2.0.0-panic', { init: '#!/bin/sh\nexit 1\n' }),
    says: /Kernel panic - not syncing: Attempted to kill init/,
  },
];

for (const fault of FAULTS) {
  t.test(titleOf(fault), programs, (t) => fallsBack(t, fault));
}
