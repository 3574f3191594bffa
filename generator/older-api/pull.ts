import { QxError } from '../../client/format/error.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import type { Source } from '../../client/reader/source.ts';
import type { CheckedManifest } from '../check/manifests.ts';
import { artifactsPath, releasesPath } from './layout.ts';
import {
  MEMORY_BYTES_MAX,
  encodeAnswer,
  parseArtifacts,
  parseRows,
  readArtifacts,
  readRows,
} from './memory.ts';
import { OLDER_ARCHES, type OlderApi, writeOlderAnswers } from './write.ts';

/**
 * Takes over what only the served answers know, then writes the answers for the pulled pointers. Nobody vouches
 * for it: of each product just the rows and digests are read, and a release that no signed manifest is of counts
 * for nothing. The artifacts themselves stay where they are.
 */
export async function pullOlderAnswers(source: Source, api: OlderApi): Promise<void> {
  const { config, dryRun, tree } = api.workspace;
  if (!config.older_api || dryRun) return;
  for (const product of api.index.rows.keys()) {
    const theirRows = parseRows(...(await fetched(source, releasesPath(product))));
    const rows = [...theirRows, ...(await readRows(tree, product))];
    if (rows.length > 0) await tree.write(releasesPath(product), encodeAnswer(rows));
    const theirs = parseArtifacts(...(await fetched(source, artifactsPath(product))));
    const made = { ...(await readArtifacts(tree, product)), ...theirs };
    if (Object.keys(made).length > 0)
      await tree.write(artifactsPath(product), encodeAnswer(made));
  }
  await writeOlderAnswers(api);
}

/** A file that is too large, or no file at all, says as little as one that is missing. */
async function fetched(source: Source, path: string): Promise<[Buffer | null, string]> {
  try {
    const reply = await source.get(path, { maxBytes: MEMORY_BYTES_MAX });
    return [reply.status === 'found' ? reply.bytes : null, path];
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'network') throw error;
    return [null, path];
  }
}

/**
 * The smallest whole object of every content that a channel has now: a release that carries it over, or the
 * first one with the older API, needs it to make its artifacts of.
 */
export function currentObjects(manifests: readonly CheckedManifest[]): Descriptor[] {
  const current = manifests
    .filter((each) => each.current)
    .map(({ manifest }) => manifest)
    .filter(({ arch }) => OLDER_ARCHES.includes(arch));
  const contents = current.flatMap(({ components, full_image: image }) => [
    ...components,
    ...(image === undefined ? [] : [image]),
  ]);
  const objects = new Map<string, Descriptor>();
  for (const { sources } of contents) {
    const whole = sources
      .filter(
        ({ type, encoding }) => type === 'full' && /^(?:identity|br)$/.test(encoding),
      )
      .sort((a, b) => a.size - b.size)[0];
    if (whole !== undefined) objects.set(whole.sha256, whole);
  }
  return [...objects.values()];
}
