import * as v from 'valibot';
import { QxError } from './error.ts';
import { parseShape } from './document.ts';
import { installedRelease } from './installed-release.ts';
import { LIMITS } from './limits.ts';
import {
  FORMAT,
  listOf,
  name,
  positive,
  sha256,
  sortedRecord,
  time,
  version,
  whole,
} from './shapes.ts';
import { parseStrictJson } from './strict-json.ts';

/** "product/channel" */
const slot = v.pipe(v.string(), v.maxLength(160));

/** What a host remembers of one channel's pointer: the serial never goes down, one serial has one content. */
const pointerMemory = v.looseObject({
  serial: positive,
  sha256,
  etag: v.exactOptional(v.pipe(v.string(), v.maxLength(1024))),
  last_modified: v.exactOptional(v.pipe(v.string(), v.maxLength(128))),
});

const repositoryMemory = v.looseObject({
  root_version: positive,
  /** When this host accepted that root; not known of the one that it was given. */
  root_since: v.exactOptional(time),
  root_checked: v.exactOptional(time),
  /** When it was last said that something expires soon. */
  warned: v.exactOptional(time),
  /** Highest `issued` of a pointer that was accepted under the root `issued_root`. */
  issued: v.exactOptional(time),
  /** Pointers by "product/channel". */
  pointers: sortedRecord(slot, pointerMemory, 1024),
  /** Lowest release number by product that this host still accepts. */
  floors: sortedRecord(name, whole, 1024),
});

const refusal = v.looseObject({
  time,
  code: v.string(),
  exitCode: whole,
  message: v.string(),
  where: v.exactOptional(v.string()),
  expected: v.exactOptional(v.string()),
  found: v.exactOptional(v.string()),
  hint: v.exactOptional(v.string()),
});

/** A release that was installed here and taken back. */
const refusedRelease = v.looseObject({
  product: name,
  channel: name,
  manifest: sha256,
  version,
  time,
  reason: v.string(),
  output: v.string(),
});

/** Nothing is installed by itself while this stands. */
const hold = v.looseObject({
  since: time,
  reason: v.exactOptional(v.string()),
  until: v.exactOptional(time),
});

/** An image that this client wrote into a slot. */
const slotRecord = v.looseObject({
  content: sha256,
  /** Bytes. */
  size: positive,
  /** SHA-256 of its last block: whether the slot still holds it is seen there. */
  last: sha256,
  written: time,
  release: installedRelease,
  /** When it was marked good, and when the boot loader gave it up; neither while it is on trial. */
  good: v.exactOptional(time),
  given_up: v.exactOptional(time),
});

const clientStateSchema = v.looseObject({
  type: v.literal('client-state'),
  format: v.literal(FORMAT),
  generation: whole,
  repositories: sortedRecord(name, repositoryMemory, 64),
  last_refusal: v.exactOptional(v.nullable(refusal)),
  refused: v.exactOptional(listOf(refusedRelease, 1024)),
  hold: v.exactOptional(v.nullable(hold)),
  slots: v.exactOptional(
    v.looseObject({
      A: v.exactOptional(v.nullable(slotRecord)),
      B: v.exactOptional(v.nullable(slotRecord)),
    }),
  ),
  /** What a system said it is when it last ran, by its slot; only where `slots` does not tell. */
  ran: v.exactOptional(
    v.looseObject({ A: v.exactOptional(version), B: v.exactOptional(version) }),
  ),
  /** The generation that was current when a system was left, by the system. */
  systems: v.exactOptional(sortedRecord(sha256, positive, 64)),
});

export type ClientState = v.InferOutput<typeof clientStateSchema>;
export type RepositoryMemory = v.InferOutput<typeof repositoryMemory>;
export type PointerMemory = v.InferOutput<typeof pointerMemory>;
export type RefusedRelease = v.InferOutput<typeof refusedRelease>;
export type SlotRecord = v.InferOutput<typeof slotRecord>;
export type Hold = v.InferOutput<typeof hold>;
export type Refusal = v.InferOutput<typeof refusal>;

/** The state of a host that has never updated. */
export function newClientState(): ClientState {
  return { type: 'client-state', format: FORMAT, generation: 0, repositories: {} };
}

/** Nothing known of a repository but the version of the root that was pinned. */
export function newRepositoryMemory(rootVersion: number): RepositoryMemory {
  return { root_version: rootVersion, pointers: {}, floors: {} };
}

/**
 * The client's own state. Unlike in signed documents, fields that this version does not know are kept:
 * both slots of a host share the file, and the other one may run a newer client.
 */
export function parseClientState(bytes: Uint8Array, where?: string): ClientState {
  const raw = parseStrictJson(bytes, 'client-state', LIMITS.clientStateBytes, where);
  if (
    typeof raw === 'object' &&
    raw !== null &&
    'format' in raw &&
    raw.format !== FORMAT
  ) {
    throw new QxError(
      'too-new',
      'client-state: a format that this version does not read',
      {
        where,
        expected: `format ${FORMAT}`,
        found: String(raw.format),
      },
    );
  }
  return parseShape(clientStateSchema, raw, 'client-state', where);
}

export function encodeClientState(state: ClientState): Buffer {
  return Buffer.from(
    `${JSON.stringify(parseShape(clientStateSchema, state, 'client-state'), null, 2)}\n`,
  );
}
