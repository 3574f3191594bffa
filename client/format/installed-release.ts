import * as v from 'valibot';
import { LIMITS } from './limits.ts';
import { listOf, name, positive, sha256, version, whole } from './shapes.ts';

/** A document that was published beside a release. */
const attachment = v.looseObject({
  name,
  media_type: v.exactOptional(
    v.pipe(v.string(), v.maxLength(LIMITS.mediaTypeCharacters)),
  ),
  sha256,
  size: whole,
});

/** What a host remembers of a release that it installed. */
export const installedRelease = v.looseObject({
  repository: name,
  product: name,
  channel: name,
  version,
  release: positive,
  manifest: sha256,
  /** The trust root that it was verified under. */
  root: v.exactOptional(positive),
  /** The floor that counts from the moment this release is committed. */
  floor: v.exactOptional(whole),
  /** For the one who asks later; nothing of them is fetched. */
  attachments: v.exactOptional(listOf(attachment, LIMITS.attachments)),
});

export type InstalledRelease = v.InferOutput<typeof installedRelease>;
export type KeptAttachment = v.InferOutput<typeof attachment>;
