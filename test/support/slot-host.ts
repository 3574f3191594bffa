import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type BootState,
  otherSlot,
  type Slot,
  SLOTS,
} from '../../client/boot/boot-state.ts';
import {
  COPIES,
  grubEnvironment,
  newCopies,
} from '../../client/boot/grub-environment.ts';
import { nodeFiles } from '../../client/effects/files.ts';
import type { Component, FullImage, Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { type Forge, makeForge, nodeFrom, sha256 } from './forge.ts';
import { type Host, makeHost } from './sandbox.ts';
import { about, squashfs } from './slot-image.ts';

/** What a sandbox needs to be a host with two slots: their partitions are plain files. */

export const SLOT_BYTES = 4 * 1024 * 1024;
const DEVICES: Readonly<Record<Slot, string>> = { A: 'dev/sda2', B: 'dev/sda3' };

/** Where the kernel says how large the slots are, in sectors of 512 bytes. */
export const SLOT_SIZE_FILES = [2, 3].map(
  (number) => `/sys/devices/pci0/sda/sda${number}/size`,
);

/** A good system in A, which runs; B holds nothing. */
export const FRESH: BootState = {
  next: 'A',
  slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'none', triesLeft: 0 } },
};

export interface SlotHost {
  forge: Forge;
  host: Host;
}

/** A publisher and a fresh host with two slots that trusts it and reads its tree as a folder. */
export function slotHost(dir: string): SlotHost {
  const forge = makeForge(path.join(dir, 'tree'));
  const url = pathToFileURL(forge.dir).href;
  const host = makeHost(path.join(dir, 'host'), { url, root: forge.rootBytes });
  layOutSlots(host.dir);
  return { forge, host };
}

export function layOutSlots(dir: string, state: BootState = FRESH): void {
  const put = (name: string, bytes: string | Uint8Array): void => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), bytes);
  };
  const disk = 'sys/devices/pci0/sda';
  const names = ['', '', 'QUANTIX-A', 'QUANTIX-B', 'QUANTIX-DATA'];
  for (const number of [1, 2, 3, 4]) {
    const lines = [`DEVNAME=sda${number}`, 'DEVTYPE=partition', `PARTN=${number}`];
    const name = names[number] === '' ? [] : [`PARTNAME=${names[number]}`];
    put(`${disk}/sda${number}/uevent`, `${[...lines, ...name].join('\n')}\n`);
    put(`${disk}/sda${number}/size`, `${SLOT_BYTES / 512}\n`);
    fs.mkdirSync(path.join(dir, 'sys/class/block'), { recursive: true });
    fs.symlinkSync(
      `../../devices/pci0/sda/sda${number}`,
      path.join(dir, `sys/class/block/sda${number}`),
    );
  }
  for (const slot of SLOTS) {
    put(DEVICES[slot], '');
    fs.truncateSync(path.join(dir, DEVICES[slot]), SLOT_BYTES);
  }
  for (const [at, bytes] of newCopies(state).entries())
    put(`boot/grub/${COPIES[at] ?? ''}`, bytes);
  put('etc/quantix-release', 'NAME="Quantix-OS"\nVERSION="0.9.0"\n');
  boot(dir, 'A', 'proven');
}

/** As if GRUB had chosen: what the kernel is told. */
export function boot(dir: string, slot: Slot, reason: string): void {
  fs.mkdirSync(path.join(dir, 'proc'), { recursive: true });
  const line = `root=PARTLABEL=QUANTIX-${slot} quantix.slot=${slot} quantix.reason=${reason} ro\n`;
  fs.writeFileSync(path.join(dir, 'proc/cmdline'), line);
}

export function devicePath(dir: string, slot: Slot): string {
  return path.join(dir, DEVICES[slot]);
}

export async function readBootState(dir: string): Promise<BootState> {
  return (await grubEnvironment(nodeFiles(), path.join(dir, 'boot/grub')).read()).state;
}

export async function writeBootState(dir: string, state: BootState): Promise<void> {
  await grubEnvironment(nodeFiles(), path.join(dir, 'boot/grub')).write(state);
}

/** Which slot GRUB would take now, as far as its counters go; the whole rule has its own table. */
export function chosenSlot({ next, slots }: BootState): Slot {
  return slots[next].triesLeft > 0 ? next : otherSlot(next);
}

/** One byte of a slot becomes another one. */
export function damageSlot(dir: string, slot: Slot, position: number): void {
  const device = fs.openSync(devicePath(dir, slot), 'r+');
  fs.writeSync(device, Buffer.from('x'), 0, 1, position);
  fs.closeSync(device);
}

/** A component of one file, for a release beside its image. */
export function nodeComponent(
  forge: Forge,
  version: string,
  more: Partial<Component> = {},
): Component {
  const content = Buffer.from(`#!/bin/sh\necho ${version}\n`);
  return { ...nodeFrom(version, content, forge.object(content)), ...more };
}

/** An image of layout A that does not compress well, of about `bytes` bytes. */
export function systemImage(version: string, bytes = 300_000, more: object = {}): Buffer {
  const head = squashfs((superblock) => superblock.writeBigUInt64LE(BigInt(bytes), 40));
  const noise = Buffer.alloc(Math.ceil(bytes / 4096) * 4096);
  for (let at = 0; at < noise.length; at += 32)
    noise.set(Buffer.from(sha256(Buffer.from(`${version} ${at}`)), 'hex'), at);
  const words = {
    layout: 'A',
    arch: 'x86_64',
    compatible: 'quantix-os',
    version,
    ...more,
  };
  return Buffer.concat([head, noise, about(words)]);
}

export interface ImageRelease {
  version: string;
  serial: number;
  image: Buffer;
  encoding?: 'identity' | 'br';
  fullImage?: Partial<FullImage>;
  manifest?: Partial<Manifest>;
  pointer?: Partial<Pointer>;
}

/** Publishes a release with a system image; without components, unless `manifest` has some. */
export function publishImage(forge: Forge, release: ImageRelease): FullImage {
  const { version, serial, image, encoding = 'identity', pointer } = release;
  const full: FullImage = {
    content: { sha256: sha256(image), size: image.length },
    sources: [forge.object(image, encoding)],
    requires_reboot: true,
    target_slot: 'auto',
    ...release.fullImage,
  };
  forge.release({
    version,
    serial,
    manifest: {
      release: serial,
      update_type: 'full',
      components: [],
      ...release.manifest,
      full_image: full,
    },
    ...(pointer === undefined ? {} : { pointer }),
  });
  return full;
}

/** What lies in a slot, as far as an image of this length reaches. */
export function slotStart(dir: string, slot: Slot, bytes: number): Buffer {
  return fs.readFileSync(devicePath(dir, slot)).subarray(0, bytes);
}

export async function statusOf(host: Host): Promise<object> {
  const { stdout } = await host.run(['status', '--json']);
  return JSON.parse(stdout) as object;
}
