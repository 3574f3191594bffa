import { dirname } from 'node:path';
import { hashFile } from '../content/hash.ts';
import { walkFolder } from '../content/folder.ts';
import { hashFolder } from '../content/pack.ts';
import type { Files } from '../effects/effects.ts';
import { printable, QxError } from '../format/error.ts';
import type { Component } from '../format/manifest.ts';
import { octal } from './layout.ts';

/** What was signed of a content. A folder has no mode of its own. */
export interface SignedContent {
  name: string;
  kind: Component['kind'];
  sha256: string;
  mode?: number | undefined;
}

/** Hashes an installed content; QxError `digest` for one that is not what was signed, else null. */
export async function inspectContent(
  files: Files,
  path: string,
  signed: SignedContent,
): Promise<QxError | null> {
  const changed = (expected: string, found: string): QxError =>
    new QxError('digest', `${signed.name}: the installed content was changed`, {
      where: path,
      expected,
      found,
      hint: 'install a release again; until then this component is not what was signed',
    });
  try {
    const strange = await strangeIn(files, path, signed.kind);
    if (strange !== undefined) return changed('ours alone to change', strange);
    const { sha256 } = await (signed.kind === 'file' ? hashFile : hashFolder)(
      files,
      path,
    );
    const mode = (await files.info(path))?.mode ?? 0;
    if (signed.mode !== undefined && mode !== signed.mode)
      return changed(`mode ${octal(signed.mode)}`, `mode ${octal(mode)}`);
    return sha256 === signed.sha256 ? null : changed(signed.sha256, sha256);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return changed(signed.sha256, found);
  }
}

/** Right bytes that somebody else may change a moment later are not what was signed. */
async function strangeIn(
  files: Files,
  path: string,
  kind: SignedContent['kind'],
): Promise<string | undefined> {
  const folder = await files.info(dirname(path));
  if (folder?.foreign !== undefined) return `its folder ${folder.foreign.why}`;
  const info = await files.info(path);
  if (info !== null && info.type !== kind) return `a ${info.type}`;
  if (info?.foreign !== undefined) return `it ${info.foreign.why}`;
  if (kind === 'file') return undefined;
  for await (const found of walkFolder(files, path))
    if (found.info.foreign !== undefined)
      return `${printable(found.path)} ${found.info.foreign.why}`;
  return undefined;
}
