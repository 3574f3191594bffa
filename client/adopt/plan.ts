import { isOwnGrubCfg } from '../boot/boot-setup.ts';
import { type BootState, otherSlot, type Slot } from '../boot/boot-state.ts';
import { markGood } from '../boot/boot-state.ts';
import { COPIES, GRUB_FOLDER, newCopies } from '../boot/grub-environment.ts';
import { QxError } from '../format/error.ts';
import { type Adopted, encodeAdopted, parseAdopted } from './adopted.ts';
import { checkGrub, checkGrubCfg, checkRoom, checkSlot } from './checks.ts';
import { ADOPTED_FILE, type Findings, NEXT_FILE, OLDER_FILE } from './findings.ts';
import { readOlderBoot } from './older-system.ts';
import { ownGrubCfg } from './own-grub-cfg.ts';
import type { Step } from './steps.ts';

export interface Plan {
  /** The slot that holds the older system; null where there is nothing to do. */
  slot: Slot | null;
  steps: Step[];
}

/**
 * From a host of the older layout to ours. Everything that our grub.cfg reads lies there before one rename makes it
 * the one that counts: a cut before that boots the older way, a cut after it ours. QxError `config` for what does
 * not fit, with nothing guessed.
 */
export function planAdoption(found: Findings, force: boolean, ours = ownGrubCfg()): Plan {
  if (found.grubCfg !== null && isOwnGrubCfg(found.grubCfg.toString('utf8')))
    return { slot: null, steps: [] };
  const { slot, words } = readOlderBoot(found.commandLine, found.mounts, found.disk);
  checkGrub(found);
  const older = checkGrubCfg(found, force);
  const uuid = checkSlot(found, slot);
  const otherUuid = found.uuids[otherSlot(slot)];
  const adopted = encodeAdopted({ slot, uuid, words, otherUuid });
  const [zero, one] = newCopies(standingAlone(slot));
  checkRoom(found, [zero, older, ours, one, adopted]);
  // The copies must not share a sector of 4 KiB: FAT takes its clusters in the order in which files are written.
  const steps: Step[] = [
    write(
      COPIES[0],
      zero,
      'the environment: the running slot is good, the other is empty',
    ),
    write(OLDER_FILE, older, 'the older grub.cfg, for the way back'),
    write(NEXT_FILE, ours, 'the new grub.cfg, which nothing reads yet'),
    write(COPIES[1], one, 'the second copy of the environment'),
    write(
      ADOPTED_FILE,
      adopted,
      `what QUANTIX-${slot} is booted with, as it was until now`,
    ),
    rename(NEXT_FILE, 'from here on the new grub.cfg boots this host'),
  ];
  return { slot, steps };
}

/** The running system is the only one. */
function standingAlone(slot: Slot): BootState {
  const none = { kind: 'none', triesLeft: 0 } as const;
  return markGood({ next: slot, slots: { A: none, B: none } }, slot);
}

/**
 * What stood there before, byte for byte; of a run of `adopt` that was cut off as well. QxError `config` once
 * another system was written.
 */
export function planReturn(found: Findings): Plan {
  const { grubCfg, ours } = found;
  const replaced = grubCfg === null || isOwnGrubCfg(grubCfg.toString('utf8'));
  const slot = replaced ? checkWayBack(found).slot : null;
  const back = replaced
    ? [rename(OLDER_FILE, 'from here on the older grub.cfg boots this host')]
    : [];
  const left = [...ours.keys()].filter((name) => !replaced || name !== OLDER_FILE);
  const why = 'nothing reads it any more';
  const gone = left.map((name): Step => ({ step: 'remove', path: pathOf(name), why }));
  return { slot, steps: [...back, ...gone] };
}

function checkWayBack({ ours, environment, uuids }: Findings): Adopted {
  const bytes = ours.get(ADOPTED_FILE);
  const adopted = bytes === undefined ? null : parseAdopted(bytes);
  if (adopted === null || !ours.has(OLDER_FILE))
    throw new QxError('config', 'there is nothing to go back to', {
      where: GRUB_FOLDER,
      expected: `${OLDER_FILE} and ${ADOPTED_FILE}, which "adopt" wrote`,
      found: 'not both',
    });
  const other = otherSlot(adopted.slot);
  const state = environment?.state.slots[other].kind ?? 'none';
  const untouched = environment?.readable === 0 || state === 'none';
  const same = uuids[adopted.slot] === adopted.uuid && uuids[other] === adopted.otherUuid;
  if (untouched && same) return adopted;
  throw new QxError('config', 'another system was written since the host was adopted', {
    where: `slot ${uuids[adopted.slot] === adopted.uuid ? other : adopted.slot}`,
    expected: 'both slots as they were',
    found: untouched ? 'another file system' : state,
    hint: '"qx-update rollback --slot" goes to the other slot as long as it is good',
  });
}

function write(name: string, bytes: Buffer, why: string): Step {
  return { step: 'write', path: pathOf(name), bytes, why };
}

function rename(from: string, why: string): Step {
  return { step: 'rename', from: pathOf(from), path: pathOf('grub.cfg'), why };
}

function pathOf(name: string): string {
  return `${GRUB_FOLDER}/${name}`;
}
