import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../../support/setup.mjs';
import { must } from '../fat.ts';
import { debianFolder, type Kernel } from './debian.ts';

/** The first program of every appliance's initramfs. */
export const HOOK = path.join(ROOT, 'overlay/initramfs/quantix-root');

/**
 * What the hook loads, where the kernel has it as a module: the disk, both layouts, the file systems of the other
 * partitions, the watchdog.
 */
const MODULES = [
  ...['virtio_pci', 'virtio_blk', 'virtio_net', 'crc32c_generic', 'ext4', 'squashfs'],
  ...['loop', 'overlay', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8', 'i6300esb'],
];

/** An initramfs of busybox, the modules that it needs, and this program as its first one. */
export async function makeInitramfs(
  dir: string,
  kernel: Kernel,
  init = fs.readFileSync(HOOK, 'utf8'),
): Promise<string> {
  const busybox = path.join(await debianFolder(), 'bin/busybox');
  const root = path.join(dir, 'initramfs.d');
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'run'])
    fs.mkdirSync(path.join(root, name), { recursive: true });
  fs.copyFileSync(busybox, path.join(root, 'bin/busybox'));
  for (const applet of (await must(busybox, ['--list'])).trim().split('\n'))
    if (applet !== 'busybox') fs.symlinkSync('busybox', path.join(root, 'bin', applet));
  fs.writeFileSync(path.join(root, 'init'), init, { mode: 0o755 });
  await addModules(root, busybox, kernel);
  return pack(root, busybox, path.join(dir, 'initramfs'));
}

/** The modules and what they need. */
async function addModules(
  root: string,
  busybox: string,
  { release, folder }: Kernel,
): Promise<void> {
  const list = await must(busybox, ['depmod', '-n', '-b', folder, release]);
  const lines = [...list.matchAll(/^(kernel\/\S+\.ko):(.*)$/gm)];
  const needs = new Map(
    lines.map(([, file = '', more = '']) => [file, more.split(' ').filter(Boolean)]),
  );
  const place = (name: string): string | undefined =>
    [...needs.keys()].find((file) => file.endsWith(`/${name}.ko`));
  const there = MODULES.filter((name) => place(name) !== undefined);
  const files = withNeeds(
    there.map((name) => place(name) ?? ''),
    needs,
  );
  for (const file of files) {
    const name = path.join('lib/modules', release, file);
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.copyFileSync(path.join(folder, name), path.join(root, name));
  }
  await must(busybox, ['depmod', '-b', root, release]);
  fs.writeFileSync(path.join(root, 'etc/quantix-modules'), `${there.join('\n')}\n`);
}

function withNeeds(files: string[], needs: Map<string, string[]>): Set<string> {
  const found = new Set<string>();
  const add = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const other of needs.get(file) ?? []) add(other);
  };
  for (const file of files) add(file);
  return found;
}

/** Names sorted, times and owners fixed, so that the same input gives the same bytes. */
async function pack(root: string, busybox: string, target: string): Promise<string> {
  const commands = `find . -exec touch -hd @1 {} + && find . | sort | ${busybox} cpio -o -H newc -R 0:0 -F ../initramfs.cpio`;
  await must('sh', ['-c', `cd ${root} && ${commands}`]);
  const archive = path.join(path.dirname(root), 'initramfs.cpio');
  fs.writeFileSync(target, gzipSync(fs.readFileSync(archive)));
  fs.rmSync(archive);
  fs.rmSync(root, { recursive: true });
  return target;
}
