import { hashFile } from '../content/hash.ts';
import { hashFolder } from '../content/pack.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
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
