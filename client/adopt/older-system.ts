import { type Slot, SLOTS } from '../boot/boot-state.ts';
import type { Mount } from '../boot/esp.ts';
import type { BootDisk } from '../boot/partitions.ts';
import { QxError, printable } from '../format/error.ts';

/** How the running system of the older layout was started, as the kernel itself tells it. */
export interface OlderBoot {
  slot: Slot;
  /** The words that its kernel is to be given again. */
  words: string[];
}

/** Where the older system keeps the slot that it runs from; its root is an overlay. */
const SYSTEM_MOUNTS = ['/', '/mnt/system'];

/** Started by hand from one of the older menu's other entries, or by an installer. */
const SPECIAL =
  /^(single|emergency|rescue|[sS1]|(rd)?init=.*|break=.*|boot=live|quantix\.install=.*)$/;

/** What GRUB's script takes as it is, also unquoted; the very characters of overlay/boot/grub/grub.cfg. */
const PLAIN = /^[a-zA-Z0-9_.,:=/@+-]+$/;

/** Of this boot, and of no other. */
const FLEETING = /^(BOOT_IMAGE|quantix\.slot|quantix\.reason)=/;

/**
 * The running system as the next boot has to find it: its slot, and its own command line. QxError `config` where any
 * of that is not certain, or was meant for one boot only.
 */
export function readOlderBoot(
  commandLine: string,
  mounts: readonly Mount[],
  disk: BootDisk,
): OlderBoot {
  const words = commandLine.split(/\s+/).filter((word) => word !== '');
  checkKernel(words);
  const slot = bootedSlot(words, mounts, disk);
  const lasting = words.filter((word) => !FLEETING.test(word));
  for (const word of lasting) checkWord(word);
  const isRoot = (word: string): boolean => word.startsWith('root=');
  const [root, kept] = [lasting.filter(isRoot), lasting.filter((word) => !isRoot(word))];
  // A kernel that panics and stays there would not be tried again.
  const restarts = kept.some((word) => word.startsWith('panic=')) ? [] : ['panic=10'];
  return { slot, words: [...root, ...kept, ...restarts] };
}

/** Our grub.cfg loads /boot/vmlinuz and /boot/initramfs of a slot, as the older one did. */
function checkKernel(words: readonly string[]): void {
  const image = words.find((word) => word.startsWith('BOOT_IMAGE='));
  const path = image?.slice('BOOT_IMAGE='.length).replace(/^\([^()]*\)/, '');
  if (path === '/boot/vmlinuz') return;
  throw new QxError(
    'config',
    'the running kernel does not come from where a slot has it',
    {
      where: COMMAND_LINE,
      expected: 'BOOT_IMAGE=/boot/vmlinuz, as GRUB says it',
      found: printable(image ?? 'no BOOT_IMAGE'),
    },
  );
}

const COMMAND_LINE = 'the kernel command line';

function bootedSlot(
  words: readonly string[],
  mounts: readonly Mount[],
  disk: BootDisk,
): Slot {
  const roots = words.filter((word) => word.startsWith('root='));
  const named = SLOTS.filter((slot) => {
    const names = [`LABEL=QUANTIX-${slot}`, `PARTLABEL=QUANTIX-${slot}`];
    const own = [...names, disk.slots[slot].device].map((name) => `root=${name}`);
    return roots.some((root) => own.includes(root));
  });
  const mounted = SLOTS.filter((slot) =>
    mounts.some(
      ({ device, path }) =>
        device === disk.slots[slot].device && SYSTEM_MOUNTS.includes(path),
    ),
  );
  const [slot, ...more] = new Set([...named, ...mounted]);
  if (roots.length === 1 && slot !== undefined && more.length === 0) return slot;
  throw new QxError('config', 'the booted slot is not known', {
    where: `${COMMAND_LINE}, and what is mounted at ${SYSTEM_MOUNTS.join(' or ')}`,
    expected: 'one of QUANTIX-A and QUANTIX-B',
    found: printable([...roots, ...mounted.map((each) => `QUANTIX-${each}`)].join(', ')),
    hint: 'it is never guessed: the other slot is the one that an update overwrites',
  });
}

function checkWord(word: string): void {
  if (SPECIAL.test(word))
    throw new QxError('config', 'the machine was not started as it usually is', {
      where: COMMAND_LINE,
      found: printable(word),
      hint: 'reboot it without touching the menu, then call this again',
    });
  if (!PLAIN.test(word))
    throw new QxError('config', 'a word for the kernel cannot be carried over', {
      where: COMMAND_LINE,
      expected: 'letters, digits and _ . , : = / @ + -',
      found: printable(word),
    });
}

/** A grub.cfg that the older system's installer or its image wrote. */
export function isOlderGrubCfg(text: string): boolean {
  return (
    /^# Quantix-OS GRUB Configuration$/m.test(text) &&
    /^\s*linux \/boot\/vmlinuz root=LABEL=(QUANTIX-[AB]|\$\{active_system\}) /m.test(text)
  );
}

/** The UUID of an ext2, ext3 or ext4, as GRUB writes it; null for anything else. */
export function extUuid(head: Buffer): string | null {
  const superblock = head.subarray(1024, 2048);
  if (superblock.length < 1024 || superblock.readUInt16LE(56) !== 0xef53) return null;
  const hex = superblock.toString('hex', 104, 120);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
