import { posix } from 'node:path';
import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';

/** A place where components could be kept. Paths as the host knows them, without --root. */
export interface Volume {
  path: string;
  name: string;
  poolId: string;
  totalBytes: number;
  availableBytes: number;
  isMounted: boolean;
}

const MOUNTS_BYTES_MAX = 1024 * 1024;
const VOLUMES_MAX = 256;
const DISKS = ['btrfs', 'ext2', 'ext3', 'ext4', 'f2fs', 'xfs', 'zfs'];
/** Of the system itself. */
const SYSTEM =
  /^\/(?:boot|quantix|mnt\/system|proc|sys|dev|run|etc|usr|var\/log)?(?:\/|$)/;
/** Where the older system looked as well. */
const OLDER = ['/mnt/updates-storage', '/data/updates-storage'];

/** Every file system of a disk that is mounted and not the system's own, and the place that is in use. */
export async function listVolumes(files: Files, config: Config): Promise<Volume[]> {
  const { root } = config;
  const inUse = belowRootless(root, config.componentsDir);
  const mounted = await mountPoints(files, root);
  const there: string[] = [];
  for (const path of OLDER)
    if ((await files.info(belowRoot(root, path)))?.type === 'directory') there.push(path);
  const paths = [...new Set([...mounted, ...there, inUse])].slice(0, VOLUMES_MAX);
  const volumes = paths.map((path) => volume(files, root, path));
  return (await Promise.all(volumes)).filter((each) => each !== null);
}

async function mountPoints(files: Files, root: string): Promise<string[]> {
  const path = belowRoot(root, '/proc/mounts');
  const text = (await readIfThere(files, path, MOUNTS_BYTES_MAX))?.toString('utf8') ?? '';
  return text.split('\n').flatMap((line) => {
    const [, point = '', type = '', options = ''] = line.split(' ');
    const writable = options.split(',').includes('rw');
    const usable = DISKS.includes(type) && writable && !SYSTEM.test(point);
    return usable ? [point.replace(/\\([0-7]{3})/g, octal)] : [];
  });
}

/** A blank in a path stands there as \040. */
function octal(_text: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}

async function volume(files: Files, root: string, path: string): Promise<Volume | null> {
  const real = belowRoot(root, path);
  try {
    return {
      path,
      name: posix.basename(path),
      poolId: 'system',
      totalBytes: await files.totalBytes(real),
      availableBytes: await files.freeBytes(real),
      isMounted: true,
    };
  } catch {
    // It went while we looked, or nothing was ever installed there.
    return null;
  }
}

/** "/tmp/sandbox/data" of the sandbox /tmp/sandbox is "/data". */
export function belowRootless(root: string, path: string): string {
  return root !== '/' && path.startsWith(`${root}/`) ? path.slice(root.length) : path;
}
