import { isDeepStrictEqual } from 'node:util';
import {
  encodeClientState,
  parseClientState,
} from '../../../client/format/client-state.ts';
import { LIMITS } from '../../../client/format/limits.ts';
import { encodeManifest, parseManifest } from '../../../client/format/manifest.ts';
import { encodePointer, parsePointer } from '../../../client/format/pointer.ts';
import {
  encodeReleasePage,
  encodeRepositoryIndex,
  parseReleasePage,
  parseRepositoryIndex,
} from '../../../client/format/repository-index.ts';
import { encodeRoot, parseRoot } from '../../../client/format/root.ts';
import {
  parseSlotImage,
  SLOT_IMAGE_ABOUT_BYTES,
  SLOT_IMAGE_HEAD_BYTES,
} from '../../../client/format/slot-image.ts';
import { parseStrictJson } from '../../../client/format/strict-json.ts';
import { accepted, acceptedNames } from '../../support/documents.ts';
import { mutateBytes, mutateJson, mutateLines, pick } from '../../support/mutate.ts';
import type { Chance } from '../../support/seeded.ts';
import { about, ext4, squashfs } from '../../support/slot-image.ts';
import { Fault, type Target } from '../engine.ts';

const WHERE = 'some/where';
const ALL = acceptedNames().map(accepted);

/** A document with a few accidents; parts of other documents are put into it. */
export function mutateDocument(chance: Chance, originals: readonly Buffer[]): Buffer {
  const mutate = pick(chance, [mutateBytes, mutateJson, mutateJson, mutateLines]);
  return mutate(chance, pick(chance, originals), pick(chance, ALL));
}

/** What is taken says the same after it was written and read again. */
function documentTarget<T>(
  type: string,
  parse: (bytes: Uint8Array, where?: string) => T,
  encode: (value: T) => Buffer,
): Target {
  const originals = acceptedNames(type).map(accepted);
  return {
    name: type,
    codes: ['malformed', 'too-new'],
    make: (chance) => mutateDocument(chance, originals),
    judge: (input) => {
      const value = parse(input, WHERE);
      if (!isDeepStrictEqual(parse(encode(value)), value))
        throw new Fault('is written as another');
    },
  };
}

const strictJson: Target = {
  name: 'strict-json',
  codes: ['malformed'],
  make: (chance) => mutateDocument(chance, ALL),
  judge: (input) => {
    const value = parseStrictJson(input, 'json', LIMITS.manifestBytes, WHERE);
    const text = input.toString();
    if (!Buffer.from(text).equals(input)) throw new Fault('took what is not UTF-8');
    if (!isDeepStrictEqual(JSON.parse(text), value))
      throw new Fault('reads another value');
    if (keysIn(text) !== keysOf(value)) throw new Fault('took a key that stands twice');
    if (
      /\\u0000|"(?:__proto__|constructor|prototype)"\s*:/.test(text.replace(/\\\\/g, ''))
    )
      throw new Fault('took a text that readers differ about');
    for (const number of numbersOf(value))
      if (!Number.isSafeInteger(number) && Number(number.toPrecision(15)) !== number)
        throw new Fault('took a number that readers differ about');
  },
};

/** Strings of the text that a colon follows. */
function keysIn(text: string): number {
  return (
    text.match(/"(?:[^"\\]|\\.)*"\s*(?<colon>:)?/g)?.filter((each) => each.endsWith(':'))
      .length ?? 0
  );
}

function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value).reduce<number>(
    (sum, each) => sum + keysOf(each),
    0,
  );
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(numbersOf);
}

const ABOUT = { layout: 'A', arch: 'x86_64', compatible: 'quantix', version: '1.2.3' };
const IMAGES = [
  Buffer.concat([squashfs(), about({ ...ABOUT, components: { 'qx-node': '1.0.0' } })]),
  Buffer.concat([ext4(), about({ ...ABOUT, layout: 'B' })]),
  Buffer.concat([squashfs(), about({ arch: 'any', layout: 'A' })]),
  Buffer.concat([ext4(), Buffer.alloc(SLOT_IMAGE_ABOUT_BYTES)]),
];
/** Where the readers of both file systems look, and the last block. */
const PLACES = [0, 20, 28, 40, 1028, 1048, 1080, 1116, 1120, 1360, 4096, 4110, 4130];

function mutateImage(chance: Chance): Buffer {
  const image = Buffer.from(pick(chance, IMAGES));
  const at = pick(chance, PLACES) + chance.below(8);
  image.writeUInt8(chance.below(256), at);
  if (chance.below(3) > 0) return image;
  return mutateBytes(chance, image, pick(chance, ALL));
}

const slotImage: Target = {
  name: 'slot-image',
  codes: ['malformed', 'too-new'],
  make: mutateImage,
  judge: (input) => {
    const head = input.subarray(0, SLOT_IMAGE_HEAD_BYTES);
    const last = input.subarray(Math.max(input.length - SLOT_IMAGE_ABOUT_BYTES, 0));
    const image = parseSlotImage(head, last, input.length, WHERE);
    if (image.about === null) return;
    const again = parseSlotImage(head, about(image.about), input.length);
    if (!isDeepStrictEqual(again, image)) throw new Fault('its last block says another');
    if (image.about.layout !== image.layout) throw new Fault('is not what it says');
  },
};

export const documentTargets: readonly Target[] = [
  strictJson,
  documentTarget('root', parseRoot, encodeRoot),
  documentTarget('pointer', parsePointer, encodePointer),
  documentTarget('manifest', parseManifest, encodeManifest),
  documentTarget('repository', parseRepositoryIndex, encodeRepositoryIndex),
  documentTarget('releases', parseReleasePage, encodeReleasePage),
  documentTarget('client', parseClientState, encodeClientState),
  slotImage,
];
