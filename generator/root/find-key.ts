import { join, resolve } from 'node:path';
import { readIfThere } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError, printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  KEY_ID,
  PUBLIC_KEY_LINE,
  type PublicKey,
  parsePublicKeyFile,
  parsePublicKeyLine,
} from '../../client/format/minisign/public-key.ts';
import { type Root, keyLineOf } from '../../client/format/root.ts';
import { keyNames } from '../keys/key-names.ts';

/** Where public keys are looked for. */
export interface KeyPlaces {
  files: Files;
  cwd: string;
  /** The workspace's keys/. */
  folder: string;
}

/**
 * A key as people name it: NAME of keys/NAME.pub, a .pub file, an "RW…" line, or the id of a key that `root`
 * lists or keys/ holds. QxError `usage` where there is none.
 */
export async function findKey(
  places: KeyPlaces,
  root: Root,
  word: string,
): Promise<PublicKey> {
  if (PUBLIC_KEY_LINE.test(word)) return parsePublicKeyLine(word);
  if (KEY_ID.test(word)) return keyOfId(places, root, word);
  const path = word.endsWith('.pub')
    ? resolve(places.cwd, word)
    : join(places.folder, `${word}.pub`);
  const bytes = await readIfThere(places.files, path, LIMITS.publicKeyBytes);
  if (bytes !== null) return parsePublicKeyFile(bytes, path).key;
  throw new QxError('usage', 'no such public key', {
    where: path,
    expected: 'NAME of keys/NAME.pub, FILE.pub, a key id, or a line "RW…"',
    found: printable(word),
    hint: 'qx-repo keygen NAME makes one; its owner sends NAME.pub, never NAME.key',
  });
}

async function keyOfId(places: KeyPlaces, root: Root, id: string): Promise<PublicKey> {
  const line = keyLineOf(root, id);
  if (line !== undefined) return parsePublicKeyLine(line);
  const name = (await keyNames(places.files, places.folder)).get(id);
  if (name !== undefined) return findKey(places, root, name);
  throw new QxError('usage', 'no key of this id', {
    expected: `one of [${Object.keys(root.keys).join(', ')}], or a .pub file in keys/`,
    found: id,
  });
}
