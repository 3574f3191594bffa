import type { Files } from '../../client/effects/effects.ts';
import { QxError, printable } from '../../client/format/error.ts';
import { recogniseProvenance, recogniseSbom } from '../contents/recognise.ts';
import { type Item, inspect } from './contents.ts';
import type { AttachmentPlan } from './plan.ts';

/** Documents that go with a release and that no host installs. */

interface Kind {
  recognise: (bytes: Buffer) => string | null;
  expected: string;
  hint: string;
}

/** Kinds of which we know what they are. Any other is published as it is given. */
const KINDS: ReadonlyMap<string, Kind> = new Map([
  [
    'sbom',
    {
      recognise: recogniseSbom,
      expected: 'CycloneDX in JSON or XML, or SPDX in JSON or tag-value',
      hint: 'give what the tool wrote (syft, cdxgen, trivy …), whole and not packed; another kind of document takes another name',
    },
  ],
  [
    'provenance',
    {
      recognise: recogniseProvenance,
      expected:
        'an in-toto statement, such as SLSA provenance, alone or in a DSSE envelope',
      hint: 'one statement in one file, not packed; another kind of document takes another name',
    },
  ],
]);

/** Of a document that is looked into; it is held in memory while it is. */
const BYTES_MAX = 64 * 1024 * 1024;

/** An attachment that is ready to be stored, and its media type where somebody says or its bytes tell. */
export interface Attached {
  item: Item;
  mediaType: string | undefined;
}

/**
 * QxError `malformed` for a file that is not what its kind says, `config` for a missing one and for a media type
 * that contradicts it.
 */
export async function inspectAttachment(
  files: Files,
  { name, path, mediaType }: AttachmentPlan,
): Promise<Attached> {
  const item = { ...(await inspect(files, name, path, undefined, 'file')), plain: true };
  const kind = KINDS.get(name);
  if (kind === undefined) return { item, mediaType };
  const bytes = await files.read(await files.realPath(path), BYTES_MAX);
  const found = kind.recognise(bytes);
  const where = printable(path, 1024);
  if (found === null) {
    const { expected, hint } = kind;
    const message = `${name}: the file is something else`;
    throw new QxError('malformed', message, { where, expected, hint });
  }
  refuseOtherType(name, mediaType, found, where);
  // What is published are the very bytes that were looked at.
  return { item: { ...item, body: () => once(bytes) }, mediaType: mediaType ?? found };
}

/** Parameters, "; version=1.6", are the publisher's to say. */
function refuseOtherType(
  name: string,
  stated: string | undefined,
  found: string,
  where: string,
): void {
  const bare = (type: string): string => (type.split(';')[0] ?? '').trim().toLowerCase();
  if (stated === undefined || bare(stated) === bare(found)) return;
  throw new QxError('config', `${name}: media_type contradicts the file`, {
    where,
    expected: found,
    found: stated,
    hint: 'leave media_type out: the file says it',
  });
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
