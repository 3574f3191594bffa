import * as v from 'valibot';
import { discard, listIfThere, removeTree, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { isMissing } from '../effects/files.ts';
import { parseShape } from '../format/document.ts';
import { QxError } from '../format/error.ts';
import { healthCheck } from '../format/health.ts';
import { type InstalledRelease, installedRelease } from '../format/installed-release.ts';
import { LIMITS } from '../format/limits.ts';
import {
  absolutePath,
  listOf,
  name,
  positive,
  sha256,
  time,
  version,
  whole,
} from '../format/shapes.ts';
import { parseStrictJson } from '../format/strict-json.ts';
import type { Layout } from './layout.ts';

const entrySchema = v.looseObject({
  name,
  install_path: absolutePath,
  /** Absent for what the appliance came with. */
  version: v.exactOptional(version),
  /** Only where `version` is absent: what the older layout's file said of it. */
  told: v.exactOptional(version),
  content: v.exactOptional(sha256),
  kind: v.exactOptional(v.picklist(['file', 'directory'])),
  /** Where the link points, seen from generations/<n>/. */
  target: v.pipe(v.string(), v.regex(/^\.\.\/\.\.\/(?:store|baked)\/[^/]+\/[^/]+$/)),
  /** What has to be restarted and checked when this entry comes or comes back. */
  restart_service: v.exactOptional(name),
  order: v.exactOptional(whole),
  health: v.exactOptional(listOf(healthCheck, 16)),
});

const recordSchema = v.looseObject({
  type: v.literal('generation'),
  format: v.literal(1),
  generation: positive,
  installed: time,
  /** The generation that was current before: the way back. */
  previous: v.exactOptional(positive),
  entries: listOf(entrySchema, LIMITS.components),
  /** Absent in a generation that only adopts what the appliance came with. */
  release: v.exactOptional(installedRelease),
  /** In such a generation: the release that was installed before, if any. */
  was: v.exactOptional(installedRelease),
  /** The system image that it goes with; absent on a host without slots. */
  system: v.exactOptional(sha256),
});

export type GenerationEntry = v.InferOutput<typeof entrySchema>;
export type Generation = v.InferOutput<typeof recordSchema>;

/** The release that a generation comes from, as a whole or in part. */
export function releaseOf(generation: Generation | null): InstalledRelease | undefined {
  return generation?.release ?? generation?.was;
}

/** In the folder of a generation: what it holds. */
export const RECORD = '.release.json';

/** The generation that `current` points to, or null on a host that never installed anything. */
export async function readCurrent(
  files: Files,
  layout: Layout,
): Promise<Generation | null> {
  const target = await readLinkIfThere(files, layout.current);
  if (target === null) return null;
  const number = /^generations\/([1-9]\d*)$/.exec(target)?.[1];
  if (number === undefined) {
    throw new QxError('local-state', '"current" does not point to a generation', {
      where: layout.current,
      expected: 'generations/<number>',
      found: target,
    });
  }
  return readGeneration(files, layout, Number(number));
}

/** QxError `local-state` for a generation whose record is missing, torn, or of another number. */
export async function readGeneration(
  files: Files,
  layout: Layout,
  number: number,
): Promise<Generation> {
  const path = `${layout.generations}/${number}/${RECORD}`;
  try {
    const bytes = await files.readOwn(path, LIMITS.manifestBytes);
    const raw = parseStrictJson(bytes, 'generation', LIMITS.manifestBytes);
    const generation = parseShape(recordSchema, raw, 'generation', path);
    if (generation.generation === number) return generation;
    throw new QxError('local-state', `it says that it is ${generation.generation}`);
  } catch (error) {
    if (!(error instanceof QxError) && !isMissing(error)) throw error;
    throw new QxError('local-state', 'the record of a generation cannot be read', {
      where: path,
      found: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

/** Null for a generation that is broken. What the disk does not tell just now it may tell the next run: that is thrown. */
export async function unlessBroken<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}

/** One above the highest number that was ever begun, so that a half-made generation is never reused. */
export async function nextGenerationNumber(
  files: Files,
  layout: Layout,
): Promise<number> {
  const names = [
    ...(await listIfThere(files, layout.generations)),
    ...(await listIfThere(files, layout.baked)),
  ];
  return Math.max(0, ...names.filter((text) => /^[1-9]\d*$/.test(text)).map(Number)) + 1;
}

/** `7`, never `07` or a name that we did not give. */
async function generationNumbers(files: Files, layout: Layout): Promise<number[]> {
  const names = await listIfThere(files, layout.generations);
  const numbers = names.filter((text) => /^[1-9]\d*$/.test(text)).map(Number);
  return numbers.sort((a, b) => a - b);
}

/** All generations that can be read, lowest first, and the numbers of those that are of no use to anybody. */
export async function readGenerations(
  files: Files,
  layout: Layout,
): Promise<{ whole: Generation[]; unreadable: number[] }> {
  const whole: Generation[] = [];
  const unreadable: number[] = [];
  for (const number of await generationNumbers(files, layout)) {
    try {
      whole.push(await readGeneration(files, layout, number));
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      unreadable.push(number);
    }
  }
  return { whole, unreadable };
}

/** Makes generations/<n> whole under another name, then gives it its own. */
export async function writeGeneration(
  files: Files,
  layout: Layout,
  generation: Generation,
): Promise<void> {
  const temporary = `${layout.generations}/.new`;
  await removeTree(files, temporary);
  await files.makeDirectory(temporary, 0o755);
  for (const entry of generation.entries) {
    await files.makeLink(entry.target, `${temporary}/${entry.name}`);
  }
  const record = Buffer.from(`${JSON.stringify(generation, null, 2)}\n`);
  await writeDurably(files, `${temporary}/${RECORD}`, record);
  await files.rename(temporary, `${layout.generations}/${generation.generation}`);
  await files.syncDirectory(layout.generations);
}

/** Takes a generation away; what is half removed is no generation any more. */
export async function removeGeneration(
  files: Files,
  layout: Layout,
  number: number,
): Promise<void> {
  const { generations } = layout;
  await discard(files, `${generations}/${number}`, `${generations}/.old`);
}

/** The switch: one rename. Before it every program sees the old set, after it the new one. */
export async function switchCurrent(
  files: Files,
  layout: Layout,
  number: number,
): Promise<void> {
  const temporary = `${layout.current}.new`;
  await files.remove(temporary);
  await files.makeLink(`generations/${number}`, temporary);
  await files.rename(temporary, layout.current);
  await files.syncDirectory(layout.components);
}

/** The entry of a generation by component name. */
export function entryOf(
  generation: Generation | null,
  component: string,
): GenerationEntry | undefined {
  return generation?.entries.find((entry) => entry.name === component);
}

/** What a link says, or null where there is none. */
export async function readLinkIfThere(
  files: Files,
  path: string,
): Promise<string | null> {
  const info = await files.info(path);
  return info?.type === 'link' ? await files.readLink(path) : null;
}
