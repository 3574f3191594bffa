import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../support/setup.mjs';
import { must } from '../fat.ts';
import { cached, filesOf } from './cache.ts';
import { debianKernel, type KernelName } from './debian.ts';
import { makeInitramfs } from './initramfs.ts';
import { rootFolder } from './root.ts';

export interface ImageWish {
  layout: 'A' | 'B';
  version: string;
  /** What of the root folder is left out. */
  without?: string[];
  /** Scripts that take the place of what stands there. */
  scripts?: Record<string, string>;
  /** The first program of the initramfs, instead of the one of overlay/. */
  init?: string;
  /** Changes kernel and initramfs; its text says whether an earlier image serves. */
  damage?: (kernel: Buffer, initramfs: Buffer) => void;
  kernel?: KernelName;
}

const RECIPE = path.join(ROOT, 'repo-template/image/make-image.sh');

/** A slot image of the appliance, made by the recipe that users get. */
export async function slotImage(wish: ImageWish): Promise<string> {
  const { layout, version, init, damage, without = [], scripts = {} } = wish;
  const [kernel, whole] = [
    await debianKernel(wish.kernel ?? 'quick'),
    await rootFolder(),
  ];
  const changes = JSON.stringify([without, scripts, init, String(damage)]);
  const inputs = [kernel.folder, whole, changes, filesOf(RECIPE)];
  const name = `image-${version}-${layout}`;
  const folder = await cached(name, inputs, async (dir) => {
    const root = path.join(dir, 'root');
    // Links to the files: what is changed is written anew.
    await must('cp', ['-al', whole, root]);
    const release = `NAME="Quantix-OS"\nVERSION="${version}"\n`;
    fs.writeFileSync(path.join(root, 'etc/quantix-release'), release);
    for (const name of without) fs.rmSync(path.join(root, name));
    for (const [name, script] of Object.entries(scripts)) {
      fs.rmSync(path.join(root, name), { force: true });
      fs.writeFileSync(path.join(root, name), script, { mode: 0o755 });
    }
    const initramfs = await makeInitramfs(dir, kernel, init);
    const vmlinuz = path.join(dir, 'vmlinuz');
    fs.copyFileSync(path.join(kernel.folder, `boot/vmlinuz-${kernel.release}`), vmlinuz);
    if (damage !== undefined) damageFiles(vmlinuz, initramfs, damage);
    const parts = ['--kernel', vmlinuz, '--initramfs', initramfs];
    const about = ['--arch', 'x86_64', '--compatible', 'quantix-os'];
    const names = ['--version', version, '--component', `qx-node=${version}`];
    const words = ['--layout', layout, ...parts, ...about, ...names, root];
    await must('sh', [RECIPE, ...words, path.join(dir, 'image')]);
    for (const waste of [root, initramfs, vmlinuz]) fs.rmSync(waste, { recursive: true });
  });
  return path.join(folder, 'image');
}

function damageFiles(
  kernel: string,
  initramfs: string,
  damage: NonNullable<ImageWish['damage']>,
): void {
  const bytes = [fs.readFileSync(kernel), fs.readFileSync(initramfs)] as const;
  damage(...bytes);
  fs.writeFileSync(kernel, bytes[0]);
  fs.writeFileSync(initramfs, bytes[1]);
}
