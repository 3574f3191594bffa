import { QxError } from '../../client/format/error.ts';
import type { Files, OpenFile } from '../../client/effects/effects.ts';

/**
 * A disk that takes everything and keeps nothing: the reader's own unpackFolder() runs over it, so a content
 * is held against exactly the rules of a host, and nothing is written.
 */
export function nowhere(): Files {
  const nothing = (): Promise<void> => Promise.resolve();
  const file: OpenFile = {
    read: () => Promise.resolve(0),
    write: nothing,
    sync: nothing,
    close: nothing,
  };
  return {
    info: () => Promise.resolve(null),
    open: () => Promise.resolve(file),
    makeDirectory: nothing,
    makeLink: nothing,
    setMode: nothing,
    syncDirectory: nothing,
    read: never,
    readOwn: never,
    list: never,
    readLink: never,
    realPath: never,
    freeBytes: never,
    totalBytes: never,
    rename: never,
    remove: never,
    removeDirectory: never,
    takeOver: never,
    lock: never,
  };
}

function never(): Promise<never> {
  return Promise.reject(new QxError('defect', 'unpacking asked for more than writing'));
}
