import { QxError, printable } from '../format/error.ts';

/**
 * The path as it is when it stays below the base of a tree: parts of letters, digits, `.`, `_`, `~`, `+` and `-`.
 * Paths are made from checked names, so anything else is our own defect (QxError `defect`).
 */
export function safePath(path: string): string {
  const parts = path.split('/');
  const last = parts.length - 1;
  const fine = parts.every((part, at) =>
    part === '' ? at === last : /^[A-Za-z0-9._~+-]+$/.test(part) && !/^\.\.?$/.test(part),
  );
  if (fine) return path;
  throw new QxError('defect', 'not a path of the tree', {
    expected: 'for instance channels/quantix-os/stable.json',
    found: printable(path),
  });
}
