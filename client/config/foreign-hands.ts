import { posix } from 'node:path';
import type { FileInfo, Files } from '../effects/effects.ts';
import type { ForeignHand } from '../effects/foreign-hand.ts';
import { isMissing } from '../effects/files.ts';
import { QxError } from '../format/error.ts';

/** As many as the kernel follows; whoever opens a path with more of them is told ELOOP. */
const LINKS_MAX = 40;
const OPEN_TO_ALL = 0o1002;

/** One step from a folder to what a path leads to. */
interface Step {
  path: string;
  info: FileInfo;
  /** What the path leads to; everything before it is a folder or a link on the way. */
  last: boolean;
}

/**
 * Nobody but root and this program's user has a hand in any of `paths`: neither in what lies there nor in a folder or
 * link on the way from `root`. QxError `config` names the first that others could change, and the command that ends
 * it. What is missing is in nobody's hand.
 */
export async function refuseForeignHands(
  files: Files,
  root: string,
  paths: Iterable<string>,
): Promise<void> {
  const look = lookOnce(files);
  for (const path of paths)
    for await (const { path: step, info, last } of wayTo(look, root, path)) {
      const hand = info.foreign ?? (last ? openToAll(info) : undefined);
      if (hand !== undefined) throw inForeignHands(path, step, hand);
    }
}

/** A folder like /tmp may be on the way, where everybody owns what is his; it is no place of ours. */
function openToAll({ type, mode }: FileInfo): ForeignHand | undefined {
  if (type !== 'directory' || (mode & OPEN_TO_ALL) !== OPEN_TO_ALL) return undefined;
  const why = `everybody can put something there (mode ${mode.toString(8)})`;
  return { why, cure: 'chmod go-w' };
}

function inForeignHands(path: string, step: string, { why, cure }: ForeignHand): QxError {
  return new QxError('config', 'others could change what this host goes by', {
    where: path === step ? path : `${path}, by way of ${step}`,
    expected: 'only root and this user can write there',
    found: why,
    hint: `look at what is in it, then: ${cure} ${step}`,
  });
}

interface Look {
  info(path: string): Promise<FileInfo | null>;
  readLink(path: string): Promise<string>;
  realPath(path: string): Promise<string>;
}

/** Most paths begin with the same steps. */
function lookOnce(files: Files): Look {
  const known = new Map<string, Promise<FileInfo | null>>();
  return {
    info: (path) => {
      const info = known.get(path) ?? files.info(path);
      known.set(path, info);
      return info;
    },
    readLink: (path) => files.readLink(path),
    realPath: (path) => files.realPath(path),
  };
}

/** Every step from `root` on, links followed one by one. */
async function* wayTo(look: Look, root: string, path: string): AsyncGenerator<Step> {
  const start = await startOf(look, root, path);
  if (start === null) return;
  let { here, rest } = start;
  const info = await look.info(here);
  if (info !== null) yield { path: here, info, last: rest.length === 0 };
  for (let links = 0; rest.length > 0 && links <= LINKS_MAX;) {
    const [name = '', ...more] = rest;
    const step = posix.join(here, name);
    const info = await look.info(step);
    if (info === null) return;
    const isLink = info.type === 'link';
    yield { path: step, info, last: more.length === 0 && !isLink };
    if (!isLink) {
      [here, rest] = [step, more];
      continue;
    }
    const target = await look.readLink(step);
    if (posix.isAbsolute(target)) here = '/';
    rest = [...partsOf(target), ...more];
    links += 1;
  }
}

/** A folder without links in its path, and what follows it: --root, or "/". Null where neither is there. */
async function startOf(
  look: Look,
  root: string,
  path: string,
): Promise<{ here: string; rest: string[] } | null> {
  try {
    if (root !== '/' && path.startsWith(`${root}/`))
      return { here: await look.realPath(root), rest: partsOf(path.slice(root.length)) };
    if (posix.isAbsolute(path)) return { here: '/', rest: partsOf(path) };
    const folder = await look.realPath(posix.dirname(path));
    return { here: '/', rest: partsOf(posix.join(folder, posix.basename(path))) };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
