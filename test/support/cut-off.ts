import type { Effects, Files, OpenFile } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { observe } from '../../client/effects/observe.ts';
import { fileOf, leavesTrace } from './traces.ts';

/** What ends a run as kill -9 would: from this effect on, nothing happens any more. */
export class Cut extends Error {}

export interface CutRun {
  effects: Effects;
  /** The effects that happened, and the one that did not: "files.remove qx-node". */
  seen: string[];
  /** Closes what the dead run had open. */
  bury(): Promise<void>;
}

/** What a run meets besides the disk, and what happens instead of its last effect. */
export interface Circumstances {
  processes?: Effects['processes'];
  network?: Effects['network'];
  /** "EIO": the effect with number `last` fails so, and the run goes on from there as it can. */
  fails?: string;
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
  { fails, onReached, ...world }: Circumstances = {},
): CutRun {
  const seen: string[] = [];
  const opened: OpenFile[] = [];
  const torn = { now: false };
  const node = nodeEffects({});
  const base: Effects = {
    ...node,
    ...world,
    clock: { now: () => node.clock.now(), sleep: () => Promise.resolve() },
    files: change(unsynced(node.files, opened, torn)),
  };
  let failed = false;
  const effects = observe(base, ({ name, args }) => {
    const traced = leavesTrace(name, args);
    if (traced && seen.length < last) seen.push(`${name} ${fileOf(name, args)}`);
    if (seen.length < last) return;
    if (onReached !== undefined) return onReached();
    if (fails !== undefined) {
      if (!traced || failed) return;
      failed = true;
      throw Object.assign(new Error(`${fails}: ${name}`), { code: fails });
    }
    if (traced && name === 'files.open.write' && !torn.now) torn.now = true;
    else throw new Cut(name);
  });
  const bury = async (): Promise<void> => {
    await Promise.all(opened.map((file) => file.close()));
  };
  return { effects, seen, bury };
}

const keep = (files: Files): Files => files;

function unsynced(files: Files, opened: OpenFile[], torn: { now: boolean }): Files {
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
          if (!torn.now) return file.write(bytes, position);
          await file.write(bytes.subarray(0, bytes.length / 2), position);
          throw new Cut('files.open.write');
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
