import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { type Finished, run } from './process.ts';
import type { Chance } from './seeded.ts';

/** Hosts of a fleet: each a folder of its own, in which a process lives for the time of one run. */
export interface FleetHost {
  dir: string;
  id: string;
}

/** Copies of a prepared host that differ in their ids, as machines that one image was written to. */
export function layFleet(
  prepared: string,
  dir: string,
  count: number,
  chance: Chance,
): FleetHost[] {
  return Array.from({ length: count }, (_, at) => {
    const host = {
      dir: path.join(dir, `host-${at}`),
      id: chance.bytes(16).toString('hex'),
    };
    fs.cpSync(prepared, host.dir, { recursive: true, verbatimSymlinks: true });
    const record = { host_id: host.id, machine: '', cards: [] };
    fs.writeFileSync(path.join(host.dir, 'quantix/host-id.json'), JSON.stringify(record));
    return host;
  });
}

/** What cron does on every host when its clock stands at `time`, a few hosts at once. Gives how each run ended. */
export async function tick(
  client: string,
  hosts: readonly FleetHost[],
  time: string,
  atOnce = 4,
): Promise<Finished[]> {
  const ends: Finished[] = [];
  const waiting = hosts.entries();
  const work = async (): Promise<void> => {
    for (const [at, { dir }] of waiting)
      ends[at] = await run(process.execPath, [client, '--root', dir, 'run'], {
        env: { QX_CLOCK: time },
      });
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return ends;
}

/**
 * How likely it is that of `count` hosts at most or at least `seen` are among those of a share, whichever is less
 * likely; `share` from 0 to 1.
 */
export function likelihood(seen: number, count: number, share: number): number {
  if (share <= 0 || share >= 1) return seen === Math.round(share * count) ? 1 : 0;
  let below = 0;
  let above = 0;
  let term = count * Math.log1p(-share);
  for (let hosts = 0; hosts <= count; hosts += 1) {
    if (hosts <= seen) below += Math.exp(term);
    if (hosts >= seen) above += Math.exp(term);
    term += Math.log((count - hosts) / (hosts + 1)) + Math.log(share / (1 - share));
  }
  return Math.min(below, above);
}
