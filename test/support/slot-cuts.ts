import fs from 'node:fs';
import path from 'node:path';
import { runCommandLine } from '../../client/cli.ts';
import type { RunCommandLine } from './broken-client.ts';
import { type Circumstances, cutOff } from './cut-off.ts';
import { sha256 } from './forge.ts';
import { type Flaws, powerDisk } from './power-disk.ts';
import { boot, chosenSlot, devicePath, readBootState, slotStart } from './slot-host.ts';
import { client, type Ended } from './three-components.ts';

/** A host that was prepared, and the image that `apply` brings to its other slot. */
export interface ImageUpdate {
  prepared: string;
  /** The digest of an image, whole. */
  image: Buffer;
  program?: RunCommandLine;
  flaws?: Flaws;
}

export interface Disturbed {
  seen: string[];
  faults: string[];
}

/**
 * The update cut off before its effect `last`, the power gone with it; then what would boot must be whole, and a second
 * run brings the new image.
 */
export async function disturbUpdate(
  update: ImageUpdate,
  last: number,
  seed: number,
  circumstances: Circumstances = {},
): Promise<Disturbed> {
  const host = `${update.prepared}-${last}-${seed}`;
  fs.cpSync(update.prepared, host, { recursive: true, verbatimSymlinks: true });
  const disk = powerDisk(update.flaws);
  const run = cutOff(last, disk.change, circumstances);
  const ended = await client(host, ['apply'], run, undefined, update.program);
  disk.cut(seed);
  const faults = await faultsOf(host, update);
  if (last === Infinity && ended.status !== 0 && update.flaws === undefined)
    faults.push(`undisturbed, it ends with ${ended.status}: ${ended.said}`);
  if (faults.length === 0 && update.flaws === undefined)
    faults.push(...(await faultsAfterwards(host, update)));
  fs.rmSync(host, { recursive: true });
  return { seen: run.seen, faults };
}

/** What would boot is whole, and the running system is as it was. */
async function faultsOf(
  host: string,
  { prepared, image }: ImageUpdate,
): Promise<string[]> {
  const state = await readBootState(host);
  const faults: string[] = [];
  const inB = sha256(slotStart(host, 'B', image.length)) === sha256(image);
  if (chosenSlot(state) === 'B' && !inB) faults.push('B would boot, and is not whole');
  if (state.slots.B.triesLeft > 0 && !inB)
    faults.push('B may be tried, and is not whole');
  const running = (at: string): Buffer => fs.readFileSync(devicePath(at, 'A'));
  if (!running(host).equals(running(prepared))) faults.push('A was written');
  if (state.slots.A.kind !== 'good') faults.push(`A is ${state.slots.A.kind}`);
  return faults;
}

/** An honest client finishes, whatever happened before. */
async function faultsAfterwards(host: string, { image }: ImageUpdate): Promise<string[]> {
  const faults: string[] = [];
  const run = async (...words: string[]): Promise<Ended> =>
    client(host, words, cutOff(Infinity), undefined, runCommandLine);
  const { status, said } = await run('apply');
  if (status !== 0) faults.push(`the next run ends with ${status}: ${said}`);
  const state = await readBootState(host);
  if (
    chosenSlot(state) !== 'B' ||
    state.slots.B.kind !== 'trial' ||
    state.slots.B.triesLeft !== 3
  )
    faults.push(`then the environment is ${JSON.stringify(state)}`);
  if (sha256(slotStart(host, 'B', image.length)) !== sha256(image))
    faults.push('then B is not whole');
  boot(host, 'B', 'trial');
  const good = await run('mark-good');
  if (good.status !== 0) faults.push(`mark-good ends with ${good.status}: ${good.said}`);
  const left = fs
    .readdirSync(path.join(host, 'data/updates'))
    .filter((name) => /slot-write|\.new$|journal/.test(name));
  if (left.length > 0) faults.push(`left behind: ${left.join(', ')}`);
  return faults;
}
