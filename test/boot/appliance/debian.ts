import fs from 'node:fs';
import path from 'node:path';
import { run } from '../../support/process.ts';
import { must } from '../fat.ts';
import { cached } from './cache.ts';

/** The one for clouds starts in a third of the time; the full one has a driver for the watchdog. */
const KERNELS = { quick: 'linux-image-cloud-amd64', full: 'linux-image-amd64' };
const PACKAGES = ['busybox-static', 'openrc', 'libeinfo1', 'librc1'];

export type KernelName = keyof typeof KERNELS;

export interface Kernel {
  /** As uname says it: "6.1.0-50-cloud-amd64". */
  release: string;
  /** Holds boot/vmlinuz-RELEASE and lib/modules/RELEASE. */
  folder: string;
}

/** Debian's busybox and OpenRC, unpacked and not installed: nothing of this machine changes. */
export function debianFolder(): Promise<string> {
  return once('debian', () => unpacked('debian', PACKAGES));
}

/** A kernel of Debian's, unpacked likewise. */
export function debianKernel(name: KernelName): Promise<Kernel> {
  return once(name, async () => {
    const folder = await unpacked(`kernel-${name}`, [await kernelPackage(KERNELS[name])]);
    const [release = ''] = fs.readdirSync(path.join(folder, 'lib/modules'));
    return { release, folder };
  });
}

const asked = new Map<string, Promise<unknown>>();

/** What the archive offers is asked once in a run. */
function once<T>(name: string, ask: () => Promise<T>): Promise<T> {
  const found = asked.get(name) ?? ask();
  asked.set(name, found);
  return found as Promise<T>;
}

async function unpacked(name: string, packages: string[]): Promise<string> {
  const offered = await must('apt-get', ['download', '--print-uris', ...packages]);
  return cached(name, [offered], async (dir) => {
    const debs = path.join(dir, 'debs');
    fs.mkdirSync(debs);
    await downloadInto(debs, packages);
    for (const deb of fs.readdirSync(debs))
      await must('dpkg', ['-x', path.join(debs, deb), dir]);
    fs.rmSync(debs, { recursive: true });
  });
}

/** The package that is the kernel of today; the one that is asked for only depends on it. */
async function kernelPackage(name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const { stdout } = await run('apt-cache', ['depends', name]);
    return /^ +Depends: (linux-image-\d\S+)$/m.exec(stdout)?.[1];
  };
  const found = await find();
  if (found !== undefined) return found;
  await must('apt-get', ['-qq', 'update']);
  const then = await find();
  if (then === undefined) throw new Error(`apt knows no ${name}`);
  return then;
}

/** A list of packages that is older than the archive names files that are gone. */
async function downloadInto(dir: string, packages: string[]): Promise<void> {
  const download = ['-qq', '-o', 'APT::Sandbox::User=', 'download', ...packages];
  if ((await run('apt-get', download, { cwd: dir })).status === 0) return;
  await must('apt-get', ['-qq', 'update']);
  const { status, stderr } = await run('apt-get', download, { cwd: dir });
  if (status !== 0) throw new Error(`apt-get download: ${stderr}`);
}

/** The shared libraries that this program is linked with, as this machine's own loader finds them. */
export async function librariesOf(
  program: string,
  folder = '',
): Promise<Map<string, string>> {
  const env = folder === '' ? {} : { LD_LIBRARY_PATH: folder };
  const { stdout } = await run('ldd', [program], { env });
  const lines = [...stdout.matchAll(/^\s*(\S+)(?: => (\S+))? \(0x[0-9a-f]+\)$/gm)];
  const found = lines.map(([, name = '', file]) => [name, file ?? name] as const);
  return new Map(found.filter(([, file]) => path.isAbsolute(file)));
}
