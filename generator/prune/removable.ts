import * as v from 'valibot';
import { readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { parseShape } from '../../client/format/document.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What was pruned here and may still lie at the host. */
const prunedSchema = v.object({ paths: v.array(v.string()) });

const PRUNED_BYTES_MAX = 64 * 1024 * 1024;

export async function readPruned(workspace: Workspace): Promise<string[]> {
  const file = workspace.paths.pruned;
  const bytes = await readIfThere(workspace.effects.files, file, PRUNED_BYTES_MAX);
  if (bytes === null) return [];
  const raw = parseStrictJson(bytes, 'pruned files', PRUNED_BYTES_MAX, file);
  return parseShape(prunedSchema, raw, 'pruned files', file).paths;
}

export async function writePruned(
  workspace: Workspace,
  paths: readonly string[],
): Promise<void> {
  const bytes = Buffer.from(
    `${JSON.stringify({ paths: [...new Set(paths)] }, null, 2)}\n`,
  );
  await writeDurably(workspace.effects.files, workspace.paths.pruned, bytes);
}
