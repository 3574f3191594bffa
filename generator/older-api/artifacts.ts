import { join } from 'node:path';
import { decodeContent } from '../../client/content/decode.ts';
import { fileStream } from '../../client/content/stream.ts';
import { QxError } from '../../client/format/error.ts';
import type { Manifest, Source } from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { objectPath } from '../../client/format/tree.ts';
import { spool } from '../release/store-content.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { IMAGE, artifactName } from './answers.ts';
import { artifactPath } from './layout.ts';
import type { Artifacts, Made } from './memory.ts';
import { packArtifact } from './pack.ts';

type Body = AsyncIterable<Uint8Array>;

/** An artifact that a release has to have. */
interface Wanted {
  artifact: string;
  content: Descriptor;
  sources: readonly Source[];
  pack: (content: Body) => Body;
}

export interface MakeOptions {
  workspace: Workspace;
  /** True where `pull` made the workspace: what is recorded may lie at the host only. */
  elsewhere: boolean;
  /** What is known of the product's artifacts; gains what is made. */
  known: Artifacts;
}

/**
 * The artifacts of a release by name, made where they are not there yet: copied where an earlier release has the
 * same content under the same name, else packed from its object. QxError `config` where the object is elsewhere.
 */
export async function makeArtifacts(
  options: MakeOptions,
  manifest: Manifest,
): Promise<Record<string, Made>> {
  const { known } = options;
  const { product, version } = manifest;
  const made: Record<string, Made> = {};
  for (const wanted of wantedOf(manifest)) {
    const path = artifactPath(product, version, wanted.artifact);
    const standing = known[version]?.[wanted.artifact];
    const stands =
      standing?.content === wanted.content.sha256 &&
      (await isThere(options, path, standing));
    made[wanted.artifact] = stands
      ? standing
      : await make(options, product, wanted, path);
  }
  known[version] = made;
  return made;
}

function wantedOf({ components, full_image: image }: Manifest): Wanted[] {
  const wanted: Wanted[] = components.map((component) => ({
    artifact: artifactName(component.name),
    content: component.content,
    sources: component.sources,
    pack: (content) => packArtifact(component, content),
  }));
  if (image !== undefined)
    wanted.push({ artifact: IMAGE, ...image, pack: (content) => content });
  return wanted;
}

async function isThere(
  { workspace, elsewhere }: MakeOptions,
  path: string,
  { size }: Descriptor,
): Promise<boolean> {
  const info = await workspace.tree.info(path);
  return info === null ? elsewhere : info.size === size;
}

/** No answer has named it yet: what a run that was cut off left in its place gives way. */
async function make(
  options: MakeOptions,
  product: string,
  wanted: Wanted,
  path: string,
): Promise<Made> {
  const { workspace } = options;
  const { tree, paths, effects } = workspace;
  const body =
    (await earlier(options, product, wanted)) ??
    wanted.pack(await contentOf(workspace, wanted, path));
  const staged = join(paths.staging, wanted.artifact);
  await effects.files.remove(staged);
  const descriptor = await spool(effects.files, body, staged);
  await tree.remove(path);
  await tree.adopt(staged, path, descriptor);
  return { content: wanted.content.sha256, ...descriptor };
}

/** Held against its digest while it is copied. */
async function earlier(
  options: MakeOptions,
  product: string,
  { artifact, content }: Wanted,
): Promise<Body | null> {
  const { workspace, known } = options;
  for (const [version, made] of Object.entries(known)) {
    const same = made[artifact];
    if (same?.content !== content.sha256) continue;
    const path = artifactPath(product, version, artifact);
    const info = await workspace.tree.info(path);
    if (info?.size !== same.size) continue;
    const file = join(workspace.tree.root, path);
    return decodeContent(fileStream(workspace.effects.files, file), 'identity', same);
  }
  return null;
}

/** The unpacked bytes, from whichever of its whole objects lies here. */
async function contentOf(
  { tree, effects }: Workspace,
  { content, sources }: Wanted,
  where: string,
): Promise<Body> {
  for (const { type, encoding, sha256, size } of sources) {
    if (type !== 'full' || (encoding !== 'identity' && encoding !== 'br')) continue;
    const path = objectPath(sha256);
    if ((await tree.info(path))?.size !== size) continue;
    return decodeContent(
      fileStream(effects.files, join(tree.root, path)),
      encoding,
      content,
    );
  }
  throw new QxError(
    'config',
    'what older hosts download cannot be made: its content is not here',
    {
      where,
      expected: `an object of the content ${content.sha256}`,
      hint: 'qx-repo pull URL --objects brings it',
    },
  );
}
