import * as v from 'valibot';
import { name, positive, sha256, version, whole } from './shapes.ts';

/** What a host remembers of a release that it installed. */
export const installedRelease = v.looseObject({
  repository: name,
  product: name,
  channel: name,
  version,
  release: positive,
  manifest: sha256,
  /** The floor that counts from the moment this release is committed. */
  floor: v.exactOptional(whole),
});

export type InstalledRelease = v.InferOutput<typeof installedRelease>;
