import * as v from 'valibot';
import { readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { parseShape } from '../../client/format/document.ts';
import { sha256 } from '../../client/format/shapes.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import type { Workspace } from '../workspace/workspace.ts';

/**
 * What `pull` leaves in the workspace, outside of the tree: which manifests it brought. Their objects may be
 * at the place that they were pulled from and nowhere else.
 */
const markerSchema = v.object({ from: v.string(), manifests: v.array(sha256) });

export type PullMarker = v.InferOutput<typeof markerSchema>;

/** 70 bytes for each release. */
const MARKER_BYTES_MAX = 64 * 1024 * 1024;

/** Null in a workspace that was never pulled into. */
export async function readMarker(workspace: Workspace): Promise<PullMarker | null> {
  const file = workspace.paths.pulled;
  const bytes = await readIfThere(workspace.effects.files, file, MARKER_BYTES_MAX);
  if (bytes === null) return null;
  const raw = parseStrictJson(bytes, 'pull marker', MARKER_BYTES_MAX, file);
  return parseShape(markerSchema, raw, 'pull marker', file);
}

/** Adds to what was pulled before. */
export async function writeMarker(
  workspace: Workspace,
  { from, manifests }: PullMarker,
): Promise<void> {
  if (workspace.dryRun) return;
  const standing = (await readMarker(workspace))?.manifests ?? [];
  const marker = { from, manifests: [...new Set([...standing, ...manifests])].sort() };
  const bytes = Buffer.from(`${JSON.stringify(marker, null, 2)}\n`);
  await writeDurably(workspace.effects.files, workspace.paths.pulled, bytes);
}
