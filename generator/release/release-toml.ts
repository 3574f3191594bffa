import * as v from 'valibot';
import {
  absolutePath,
  name,
  permissions,
  text,
  version,
  whole,
} from '../../client/format/shapes.ts';
import { health } from '../workspace/config.ts';
import { parseToml } from '../workspace/toml.ts';

const filePath = v.pipe(v.string(), v.minLength(1, 'a path'));

const component = v.strictObject({
  path: filePath,
  /** Glob patterns that choose files of a folder: ["**", "!**\/*.map"] */
  files: v.exactOptional(v.array(v.pipe(v.string(), v.minLength(1)))),
  version: v.exactOptional(version),
  kind: v.exactOptional(v.picklist(['file', 'directory'], '"file" or "directory"')),
  install_path: v.exactOptional(absolutePath),
  permissions: v.exactOptional(permissions),
  restart_service: v.exactOptional(name),
  backup_before_update: v.exactOptional(v.boolean()),
  order: v.exactOptional(whole),
  health: v.exactOptional(health),
  hooks: v.exactOptional(v.array(name)),
});

const releaseSchema = v.strictObject({
  product: v.exactOptional(name),
  version: v.exactOptional(version),
  channel: v.exactOptional(name),
  arch: v.exactOptional(name),
  compatible: v.exactOptional(name),
  notes: v.exactOptional(text),
  notes_file: v.exactOptional(filePath),
  min_version: v.exactOptional(version),
  floor: v.exactOptional(whole),
  carry: v.exactOptional(v.boolean()),
  dependencies: v.exactOptional(
    v.array(
      v.strictObject({
        product: v.exactOptional(name),
        component: v.exactOptional(name),
        min_version: version,
      }),
    ),
  ),
  components: v.exactOptional(v.record(name, component)),
  image: v.exactOptional(
    v.strictObject({
      path: filePath,
      requires_reboot: v.exactOptional(v.boolean()),
      components: v.exactOptional(v.record(name, version)),
    }),
  ),
  attachments: v.exactOptional(
    v.array(v.strictObject({ name, path: filePath, media_type: v.exactOptional(text) })),
  ),
});

export type ReleaseFile = v.InferOutput<typeof releaseSchema>;

/** release.toml: all that `generate` can be told, in a file. Paths are relative to the file's folder. */
export function parseReleaseFile(bytes: Uint8Array, file: string): ReleaseFile {
  return parseToml(releaseSchema, bytes, file);
}
