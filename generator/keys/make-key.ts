import { join } from 'node:path';
import { writeDurably } from '../../client/effects/durable.ts';
import type { Effects } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { parseShape } from '../../client/format/document.ts';
import { encodePublicKeyFile } from '../../client/format/minisign/public-key.ts';
import {
  type SecretKey,
  encodeSecretKeyFile,
  makeSecretKey,
} from '../../client/format/minisign/secret-key.ts';
import { name as nameShape } from '../../client/format/shapes.ts';

export interface MadeKey {
  name: string;
  /** In memory, so that a password is not needed twice in one run. */
  key: SecretKey;
  secretFile: string;
  publicFile: string;
}

/**
 * Makes `NAME.key` (0600) and `NAME.pub` in a folder. The secret is written first, so that a run that is cut
 * off leaves a key whose public half `minisign -R` can write. A name that is taken is refused: QxError `config`.
 */
export async function makeKey(
  effects: Effects,
  folder: string,
  name: string,
  password: Buffer | undefined,
): Promise<MadeKey> {
  const { files, random } = effects;
  parseShape(nameShape, name, 'name of a key');
  const secretFile = join(folder, `${name}.key`);
  const publicFile = join(folder, `${name}.pub`);
  await refuseTaken(effects, [secretFile, publicFile]);
  const key = makeSecretKey(random.bytes(8), random.bytes(32));
  const comment = `minisign ${password === undefined ? '' : 'encrypted '}secret key ${name}`;
  const secret = encodeSecretKeyFile(key, {
    comment,
    ...(password === undefined ? {} : { password, salt: random.bytes(32) }),
  });
  await files.makeDirectory(folder, 0o700);
  await writeDurably(files, secretFile, secret, 0o600);
  await writeDurably(files, publicFile, encodePublicKeyFile(key.publicKey));
  return { name, key, secretFile, publicFile };
}

async function refuseTaken(effects: Effects, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if ((await effects.files.info(path)) === null) continue;
    throw new QxError('config', 'a key of this name is there already', {
      where: path,
      hint: 'keys are never written over: take another name, or move the old one away',
    });
  }
}
