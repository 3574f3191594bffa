import * as v from 'valibot';
import { parseShape } from '../../client/format/document.ts';
import { QxError } from '../../client/format/error.ts';
import { descriptor, name, sha256, time, version } from '../../client/format/shapes.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Tree } from '../tree/tree.ts';
import { artifactsPath, releasesPath } from './layout.ts';

/**
 * What the signed documents do not say and the answers need: which channels had a release (a pointer tells the
 * present only), and what was made of which content. Both are read from files of the tree that are written
 * anew each time; they are unsigned, and one that cannot be read counts as empty.
 */

const olderRelease = v.object({
  version,
  channel: name,
  release_date: time,
  update_type: v.picklist(['component', 'full']),
});

/** A row of `GET /api/v1/<product>/releases`. */
export type OlderRelease = v.InferOutput<typeof olderRelease>;

const olderReleases = v.array(olderRelease);

/** Of an artifact: what it was made of, and what it is. */
const made = v.object({ content: sha256, ...descriptor.entries });

export type Made = v.InferOutput<typeof made>;

const artifact = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]*$/));

/** By version, then by artifact. */
const artifacts = v.record(version, v.record(artifact, made));

export type Artifacts = v.InferOutput<typeof artifacts>;

/** 5 MiB and so some ten thousand releases. */
export const MEMORY_BYTES_MAX = 5 * LIMITS.manifestBytes;

export async function readRows(tree: Tree, product: string): Promise<OlderRelease[]> {
  const path = releasesPath(product);
  return parseRows(await tree.read(path, MEMORY_BYTES_MAX), path);
}

export async function readArtifacts(tree: Tree, product: string): Promise<Artifacts> {
  const path = artifactsPath(product);
  return parseArtifacts(await tree.read(path, MEMORY_BYTES_MAX), path);
}

export function parseRows(bytes: Uint8Array | null, path: string): OlderRelease[] {
  return parseOr(olderReleases, bytes, path, []);
}

export function parseArtifacts(bytes: Uint8Array | null, path: string): Artifacts {
  return parseOr(artifacts, bytes, path, {});
}

export function encodeAnswer(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

function parseOr<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array | null,
  path: string,
  otherwise: v.InferOutput<S>,
): v.InferOutput<S> {
  if (bytes === null) return otherwise;
  try {
    return parseShape(schema, parseStrictJson(bytes, path, MEMORY_BYTES_MAX), path);
  } catch (error) {
    if (error instanceof QxError) return otherwise;
    throw error;
  }
}
