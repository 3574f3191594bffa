import type { FileInfo } from '../../client/effects/effects.ts';

type Type = FileInfo['type'];

/** A folder that exists nowhere: patterns are matched against a listing, not against the disk. */
const ROOT = '/folder';

/**
 * The paths that glob patterns choose out of a listing, and every folder above one of them.
 * "static" means all below it; names that begin with a dot are matched like others; links are not followed.
 */
export async function choosePaths(
  types: ReadonlyMap<string, Type>,
  patterns: readonly string[],
): Promise<Set<string>> {
  const { globby } = await import('globby');
  const matched = await globby([...patterns], {
    cwd: ROOT,
    dot: true,
    onlyFiles: false,
    followSymbolicLinks: false,
    fs: listingAsDisk(types) as never,
  });
  const chosen = new Set<string>();
  for (const path of matched.filter((path) => types.has(path))) {
    for (let at = path; at !== '' && !chosen.has(at); at = parentOf(at)) chosen.add(at);
  }
  return chosen;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

type Callback = (error: Error | null, result?: unknown) => void;

/** The few functions of node:fs that globby calls, answered from the listing. */
function listingAsDisk(types: ReadonlyMap<string, Type>) {
  const children = childrenOf(types);
  const typeAt = (path: string): Type | undefined =>
    path === ROOT ? 'directory' : types.get(path.slice(ROOT.length + 1));
  const stat = (path: string, callback: Callback): void => {
    const type = typeAt(path);
    if (type === undefined) callback(missing(path));
    else callback(null, kind(path, type));
  };
  const statSync = (path: string) => {
    const type = typeAt(path);
    if (type === undefined) throw missing(path);
    return kind(path, type);
  };
  const readdir = (path: string, _options: unknown, callback: Callback): void => {
    const names = typeAt(path) === 'directory' ? (children.get(path) ?? []) : undefined;
    if (names === undefined) return callback(missing(path));
    callback(
      null,
      names.map((name) => kind(name, typeAt(`${path}/${name}`) ?? 'other')),
    );
  };
  return { stat, lstat: stat, statSync, lstatSync: statSync, readdir };
}

function childrenOf(types: ReadonlyMap<string, Type>): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const path of types.keys()) {
    const parent = parentOf(path);
    const folder = parent === '' ? ROOT : `${ROOT}/${parent}`;
    const names = children.get(folder) ?? [];
    if (names.length === 0) children.set(folder, names);
    names.push(path.slice(parent === '' ? 0 : parent.length + 1));
  }
  return children;
}

function kind(name: string, type: Type) {
  return {
    name,
    isFile: () => type === 'file',
    isDirectory: () => type === 'directory',
    isSymbolicLink: () => type === 'link',
    isBlockDevice: () => false,
    isCharacterDevice: () => false,
    isFIFO: () => false,
    isSocket: () => type === 'other',
  };
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
}
