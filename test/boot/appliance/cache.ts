import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from '../../support/lock.mjs';
import { ROOT } from '../../support/setup.mjs';

/** What takes long to make is kept here from one run to the next; git does not look at it. */
const CACHE = path.join(ROOT, 'node_modules/.cache/quantix-boot');

const WAIT_MS = 9 * 60_000;

/**
 * The folder that `make` filled from these inputs, in this run or an earlier one. Other inputs take its place;
 * several processes that ask at once wait for the one that makes it.
 */
export async function cached(
  name: string,
  inputs: readonly string[],
  make: (dir: string) => Promise<void>,
): Promise<string> {
  const place = path.join(CACHE, name, digestOf(inputs).slice(0, 16));
  const release = await waitForLock(`${path.join(CACHE, name)}.lock`, place);
  try {
    if (fs.existsSync(place)) return place;
    fs.rmSync(path.dirname(place), { recursive: true, force: true });
    const fresh = `${place}.new`;
    fs.mkdirSync(fresh, { recursive: true });
    await make(fresh);
    fs.renameSync(fresh, place);
    return place;
  } finally {
    release();
  }
}

async function waitForLock(lock: string, place: string): Promise<() => void> {
  for (const until = Date.now() + WAIT_MS; Date.now() < until; await sleep(200)) {
    if (fs.existsSync(place)) return () => undefined;
    const release = tryLock(lock);
    if (release !== undefined) return release;
  }
  throw new Error(`somebody else holds ${lock}`);
}

function digestOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Every file below these places, by name and content: an input of `cached`. */
export function filesOf(...places: string[]): string {
  const hash = createHash('sha256');
  for (const place of places) {
    const names = fs.statSync(place).isDirectory()
      ? (fs.readdirSync(place, { recursive: true }) as string[]).sort()
      : [''];
    for (const name of names) {
      const file = path.join(place, name);
      const info = fs.lstatSync(file);
      hash.update(`${name}\0${info.mode}\0`);
      if (info.isSymbolicLink()) hash.update(fs.readlinkSync(file));
      if (info.isFile()) hash.update(fs.readFileSync(file));
    }
  }
  return hash.digest('hex');
}
