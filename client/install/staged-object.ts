import { createHash, type Hash } from 'node:crypto';
import { fileStream } from '../content/stream.ts';
import { QxError } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { objectPath } from '../format/tree.ts';
import type { Session } from '../session.ts';
import type { Landing } from './fetch-object.ts';
import { objectFile, partFile } from './layout.ts';

/**
 * An object on its way into staging. What arrived lies in `<sha256>.part`; only a whole object with the right digest
 * gets its name.
 */
export function stagedObject(
  { fx, layout }: Pick<Session, 'fx' | 'layout'>,
  object: Descriptor,
): Landing {
  const path = partFile(layout, object.sha256);
  let size = 0;
  let hash: Hash = createHash('sha256');
  const forget = (): void => {
    size = 0;
    hash = createHash('sha256');
  };
  const drop = async (): Promise<void> => {
    forget();
    await fx.files.remove(path);
  };
  return {
    drop,
    begin: async () => {
      forget();
      const info = await fx.files.info(path);
      if (info === null) return 0;
      // What is too long is no part of it, and what is another's he could change behind our back.
      if (info.type !== 'file' || info.foreign !== undefined || info.size > object.size)
        await drop();
      else
        for await (const piece of fileStream(fx.files, path)) {
          hash.update(piece);
          size += piece.length;
        }
      return size;
    },
    take: async (body) => {
      const file = await fx.files.open(path, 'append', 0o600);
      try {
        for await (const piece of body) {
          await file.write(piece);
          hash.update(piece);
          size += piece.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
    },
    finish: async () => {
      const found = hash.digest('hex');
      if (size !== object.size || found !== object.sha256)
        throw notAsPromised(object, found, size);
      await fx.files.rename(path, objectFile(layout, object.sha256));
      await fx.files.syncDirectory(layout.staging);
    },
  };
}

function notAsPromised(object: Descriptor, found: string, size: number): QxError {
  return new QxError('digest', 'an object is not what the manifest says', {
    where: objectPath(object.sha256),
    expected: `${object.sha256} (${object.size} bytes)`,
    found: `${found} (${size} bytes)`,
    hint: 'the object on the server is damaged or was replaced; "qx-repo verify" on the tree names it',
  });
}
