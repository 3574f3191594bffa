import { createGzip } from 'node:zlib';
import { inPiecesOf } from '../../client/content/pieces.ts';
import { through } from '../../client/content/through.ts';
import { type Component, modeOf } from '../../client/format/manifest.ts';
import { TAR_END, encodeHeader, padding } from '../../client/format/tar.ts';

type Body = AsyncIterable<Uint8Array>;

const PIECE_BYTES = 1024 * 1024;

/** zlib's own: 9 takes twice the time for a hundredth. */
const LEVEL = 6;

/**
 * A component as the older clients unpack it, .tar.gz: a folder's content is its tar already; a file lies alone
 * under the component's name, which is where they look first. The same content gives the same bytes under the
 * same major version of Node: no time and no name stands in the gzip header.
 */
export function packArtifact(
  component: Component,
  content: Body,
): AsyncGenerator<Buffer> {
  const tar = component.kind === 'directory' ? content : fileTar(component, content);
  return through(inPiecesOf(PIECE_BYTES, tar), createGzip({ level: LEVEL }));
}

async function* fileTar(component: Component, content: Body): AsyncGenerator<Uint8Array> {
  const { size } = component.content;
  const mode = modeOf(component);
  yield encodeHeader({ path: component.name, type: 'file', mode, size });
  yield* content;
  yield TAR_END.subarray(0, padding(size));
  yield TAR_END;
}
