import { createHash } from 'node:crypto';
import { decodeContent } from '../../client/content/decode.ts';
import { unpackFolder } from '../../client/content/unpack.ts';
import { QxError } from '../../client/format/error.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { objectPath } from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import { nowhere } from './nowhere.ts';
import type { Problems } from './problems.ts';
import type { Use, WantedObject } from './wanted-objects.ts';

export interface ObjectCheck {
  /** The tree itself first, then the places that pointers name for objects. */
  sources: readonly Source[];
  /** Looks that it is there and how long it is, and does not read it. */
  fast: boolean;
  problems: Problems;
  onBytes: (count: number) => void;
}

/**
 * One object: there, as long as promised, its own digest, and every content that it stands for decoded and,
 * for a folder, unpacked by the rules of a host. Gives `not here` for one that `pull` left elsewhere.
 */
export async function checkObject(
  check: ObjectCheck,
  wanted: WantedObject,
): Promise<'checked' | 'not here' | 'wrong'> {
  const { problems } = check;
  const path = objectPath(wanted.descriptor.sha256);
  const result = await problems.attempt(async () => {
    const body = await openObject(check, path);
    if (body === null)
      return wanted.pulled ? 'not here' : reportMissing(problems, wanted, path);
    await refuseLength(body, wanted.descriptor, path);
    if (check.fast) await leave(body);
    else await readObject(body, wanted, path);
    return 'checked';
  });
  return result ?? 'wrong';
}

/** An object that is read once or more often, at the first place that has it. */
interface OpenedObject {
  total: number | undefined;
  read(): AsyncIterable<Uint8Array>;
  again(): Promise<OpenedObject>;
}

async function openObject(
  check: ObjectCheck,
  path: string,
): Promise<OpenedObject | null> {
  for (const source of check.sources) {
    const opened = await openAt(source, path, check.onBytes);
    if (opened !== null) return opened;
  }
  return null;
}

async function openAt(
  source: Source,
  path: string,
  onBytes: (count: number) => void,
): Promise<OpenedObject | null> {
  const reply = await source.stream(path, { from: 0 });
  if (reply === null) return null;
  return {
    total: reply.total,
    read: async function* () {
      for await (const piece of reply.body) {
        onBytes(piece.length);
        yield piece;
      }
    },
    again: async () => {
      const opened = await openAt(source, path, () => undefined);
      if (opened !== null) return opened;
      throw new QxError('digest', 'an object is gone', { where: path });
    },
  };
}

/** Ends the reply: what was asked for and is not read would keep its connection. */
async function leave(body: OpenedObject): Promise<void> {
  for await (const piece of body.read()) if (piece.length > 0) break;
}

async function refuseLength(
  body: OpenedObject,
  { size }: Descriptor,
  where: string,
): Promise<void> {
  if (body.total === undefined || body.total === size) return;
  await leave(body);
  throw new QxError('digest', 'an object of another length', {
    where,
    expected: `${size} bytes`,
    found: `${body.total} bytes`,
  });
}

function reportMissing(
  problems: Problems,
  { descriptor, by }: WantedObject,
  where: string,
): 'wrong' {
  problems.error('digest', 'an object is missing', {
    where,
    expected: `${descriptor.size} bytes, as ${by} says`,
    found: 'nothing',
    hint: 'publish the tree again: objects go out before what names them',
  });
  return 'wrong';
}

async function readObject(
  first: OpenedObject,
  { descriptor, uses }: WantedObject,
  path: string,
): Promise<void> {
  let body: OpenedObject | null = first;
  for (const use of uses.values()) {
    const opened: OpenedObject = body ?? (await first.again());
    body = null;
    const whole = await readUse(opened, use, descriptor, path);
    // A decoder may stop before the end of the object: then the rest is read as well.
    if (!whole) await readWhole(await first.again(), descriptor, path);
  }
  if (body !== null) await readWhole(body, descriptor, path);
}

/** True when the whole object went past on the way and is what its name says. */
async function readUse(
  opened: OpenedObject,
  use: Use,
  descriptor: Descriptor,
  path: string,
): Promise<boolean> {
  const seen = new Hashed(opened.read());
  try {
    await readContent(seen, use);
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'network') throw error;
    // Another object than was promised explains it; else it was published wrong.
    await readWhole(await opened.again(), descriptor, path);
    throw new QxError(error.code, error.message, {
      where: path,
      expected: error.expected,
      found: [error.where, error.found].filter((text) => text !== undefined).join(': '),
      hint: 'the object is the one that was signed for, and no host can install it',
    });
  }
  return seen.is(descriptor);
}

/** A body that is hashed while somebody else reads it. */
class Hashed implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');
  #size = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#body) {
      this.#hash.update(piece);
      this.#size += piece.length;
      yield piece;
    }
  }

  /** To be asked once. */
  is({ sha256, size }: Descriptor): boolean {
    return this.#size === size && this.#hash.digest('hex') === sha256;
  }
}

async function readContent(body: AsyncIterable<Uint8Array>, use: Use): Promise<void> {
  const content = decodeContent(body, use.encoding, use.content);
  if (use.kind === 'directory') {
    await unpackFolder(nowhere(), content, '/nowhere');
    return;
  }
  for await (const piece of content) void piece;
}

async function readWhole(
  body: OpenedObject,
  descriptor: Descriptor,
  where: string,
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of body.read()) {
    size += piece.length;
    if (size > descriptor.size) break;
    hash.update(piece);
  }
  const found = size > descriptor.size ? 'more' : `${hash.digest('hex')} (${size} bytes)`;
  const expected = `${descriptor.sha256} (${descriptor.size} bytes)`;
  if (found === expected) return;
  throw new QxError('digest', 'an object is not what its name says', {
    where,
    expected,
    found,
  });
}
