import type { Tree } from '../tree/tree.ts';
import {
  artifactPath,
  channelReleasePath,
  releaseManifestPath,
  releaseOfPath,
} from './layout.ts';
import { readArtifacts, readRows } from './memory.ts';

interface Named {
  product: string;
  version: string;
}

/**
 * The files of releases that go, those that lie at the host only as well: what names something goes before it.
 * The lists are made anew of what stays.
 */
export async function olderPaths(
  tree: Tree,
  dropped: readonly Named[],
): Promise<string[]> {
  const paths = { answers: [] as string[], artifacts: [] as string[] };
  for (const { product, version } of dropped) {
    const made = (await readArtifacts(tree, product))[version] ?? {};
    paths.answers.push(...(await channelAnswers(tree, product, version)));
    const names = Object.keys(made);
    if (names.length > 0) paths.answers.push(releaseManifestPath(product, version));
    paths.artifacts.push(...names.map((name) => artifactPath(product, version, name)));
  }
  return [...paths.answers, ...paths.artifacts];
}

/** A withdrawn release is in no list any more, and yet its files may be here. */
async function channelAnswers(
  tree: Tree,
  product: string,
  version: string,
): Promise<string[]> {
  const rows = await readRows(tree, product);
  const listed = rows.filter((row) => row.version === version);
  const channels = new Set(listed.map(({ channel }) => channel));
  for (const channel of await tree.list(`api/v1/${product}/channels`)) {
    const path = channelReleasePath(product, channel, version);
    if ((await tree.info(path)) !== null) channels.add(channel);
  }
  return [...channels].map((channel) => channelReleasePath(product, channel, version));
}

/** Whether a file is one of a release that stays, as when a pruned version was published again. */
export function isOfRelease(path: string, held: readonly Named[]): boolean {
  const named = releaseOfPath(path);
  return held.some(
    ({ product, version }) => product === named?.product && version === named.version,
  );
}
