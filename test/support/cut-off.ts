import type { Effects, Files, OpenFile } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { type EffectCall, observe } from '../../client/effects/observe.ts';
import { fileOf, leavesTrace } from './traces.ts';

/** What ends a run as kill -9 would: from this effect on, nothing happens any more. */
export class Cut extends Error {}

export interface CutRun {
  effects: Effects;
  /** The effects that happened, and the one that did not: "files.remove qx-node". */
  seen: string[];
  /** The same as they were called. */
  calls: Call[];
  /** Closes what the dead run had open. */
  bury(): Promise<void>;
}

export type Call = Pick<EffectCall, 'name' | 'args'>;

/** What a run meets besides the disk, and what happens instead of its last effect. */
export interface Circumstances {
  processes?: Effects['processes'];
  network?: Effects['network'];
  /**
   * "EIO": the effect with number `last` fails so, and the run goes on from there as it can. "short": half of what it
   * writes is written, and then the disk is full.
   */
  fails?: string;
  /** Whether it can fail so; one that cannot is passed over, and the next one that can fails. */
  suits?: (call: Call) => boolean;
  /** Which effects are numbered; those that leave a trace when it is not given. */
  counts?: (call: Call) => boolean;
  /** Called at that effect, and the run goes on: a signal that it gets there. */
  onReached?: () => void;
}

/**
 * Effects that end before the one with number `last` (from 1); Infinity never ends. A write that is cut off
 * leaves half of its bytes. Nothing is synced, nothing is locked and no pause is waited for: the disk of
 * these runs never loses power, and each is alone.
 */
export function cutOff(
  last: number,
  change: (files: Files) => Files = keep,
  { fails, suits = always, counts = leaves, onReached, ...world }: Circumstances = {},
): CutRun {
  const seen: string[] = [];
  const calls: Call[] = [];
  const opened: OpenFile[] = [];
  const torn: Torn = { by: null };
  const node = nodeEffects({});
  const base: Effects = {
    ...node,
    ...world,
    clock: { now: () => node.clock.now(), sleep: () => Promise.resolve() },
    files: change(unsynced(node.files, opened, torn)),
  };
  let failed = false;
  const effects = observe(base, ({ name, args }) => {
    const counted = counts({ name, args });
    if (counted && seen.length < last) {
      seen.push(`${name} ${fileOf(name, args)}`);
      calls.push({ name, args });
    }
    if (seen.length < last) return;
    if (onReached !== undefined) return onReached();
    if (fails !== undefined) {
      if (!counted || failed || !suits({ name, args })) return;
      failed = true;
      if (fails === 'short') torn.by = failure('ENOSPC', name);
      else throw failure(fails, name);
    } else if (counted && name === 'files.open.write' && torn.by === null)
      torn.by = new Cut(name);
    else throw new Cut(name);
  });
  const bury = async (): Promise<void> => {
    await Promise.all(opened.map((file) => file.close()));
  };
  return { effects, seen, calls, bury };
}

const keep = (files: Files): Files => files;

const always = (): boolean => true;
const leaves = ({ name, args }: Call): boolean => leavesTrace(name, args);

function failure(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: ${name}`), { code });
}

/** What half of the next write ends with. */
interface Torn {
  by: Error | null;
}

function unsynced(files: Files, opened: OpenFile[], torn: Torn): Files {
  return {
    ...files,
    lock: () => Promise.resolve({ release: () => Promise.resolve() }),
    syncDirectory: () => Promise.resolve(),
    open: async (...args) => {
      const file = await files.open(...args);
      opened.push(file);
      return {
        read: (buffer, position) => file.read(buffer, position),
        write: async (bytes, position) => {
          const { by } = torn;
          if (by === null) return file.write(bytes, position);
          await file.write(bytes.subarray(0, bytes.length / 2), position);
          if (!(by instanceof Cut)) torn.by = null;
          throw by;
        },
        sync: () => Promise.resolve(),
        close: async () => {
          opened.splice(opened.indexOf(file), 1);
          await file.close();
        },
      };
    },
  };
}
