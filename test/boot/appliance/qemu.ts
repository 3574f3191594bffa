import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type Answer, GuestShell } from './guest-shell.ts';
import { whatItDoes } from './monitor.ts';
import { Transcript } from './transcript.ts';

const OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const OVMF_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/** The programs and packages that an appliance is made and run with. */
export const APPLIANCE_PROGRAMS = [
  ...['qemu-system-x86_64', 'grub-mkimage', '/usr/lib/grub/i386-pc/boot.img', OVMF],
  ...['/usr/lib/grub/x86_64-efi/command.lst', 'sfdisk', 'mformat', 'mke2fs', 'debugfs'],
  ...['mksquashfs', 'flock', 'blkid', 'apt-get', 'dpkg', 'ldd'],
];

export interface PowerOptions {
  firmware?: 'bios' | 'uefi';
  /** Instead of the disk as it is: arguments that make the block node "disk". */
  blockdev?: string[];
  /** A watchdog card that resets the machine. */
  watchdog?: boolean;
}

/** A machine that is on. */
export interface Appliance {
  /** The next line of its first serial port that fits; throws with the last lines after so many seconds. */
  says(pattern: RegExp, seconds?: number): Promise<RegExpExecArray>;
  /** Everything that it said so far. */
  said(): readonly string[];
  /** A command line of its root shell, to its end. */
  run(command: string, seconds?: number): Promise<Answer>;
  /** The same; what it printed. Throws when it does not end with 0, first of all with what it printed. */
  ok(command: string, seconds?: number): Promise<string>;
  /** What has reached the disk by now is all that stays. */
  cutPower(): Promise<void>;
  /** Once it has switched itself off. */
  off: Promise<void>;
}

/** Whoever a machine belongs to and is switched off with. */
export interface Owner {
  teardown(work: () => unknown): unknown;
}

/** Switches on a machine with this disk. Emulated, so that it is the same wherever the tests run. */
export async function powerOn(
  t: Owner,
  disk: string,
  options: PowerOptions = {},
): Promise<Appliance> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-qemu-'));
  const socket = path.join(dir, 'shell');
  const monitor = path.join(dir, 'monitor');
  const qemu = spawn('qemu-system-x86_64', words(dir, disk, options), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const off = new Promise<void>((resolve) => qemu.on('close', () => resolve()));
  const cutPower = async (): Promise<void> => {
    qemu.kill('SIGKILL');
    await off;
  };
  t.teardown(async () => {
    await cutPower();
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const transcript = new Transcript([qemu.stdout, qemu.stderr], off);
  const shell = new GuestShell(await connect(socket));
  let isOn = true;
  void off.then(() => (isOn = false));
  /** A machine that stands still is asked what it does before it is switched off for good. */
  const explained = async <T>(wanted: Promise<T>): Promise<T> => {
    try {
      return await wanted;
    } catch (error) {
      if (isOn && error instanceof Error)
        error.message += `\n${await whatItDoes(monitor)}`;
      throw error;
    }
  };
  const run: Appliance['run'] = (command, seconds) =>
    explained(shell.run(command, seconds));
  const ok: Appliance['ok'] = async (command, seconds) => {
    const { status, output } = await run(command, seconds);
    if (status !== 0) throw new Error(`${output}"${command}" ended with ${status}`);
    return output;
  };
  const says: Appliance['says'] = (pattern, seconds) =>
    explained(transcript.next(pattern, seconds));
  return { says, said: () => transcript.lines, run, ok, cutPower, off };
}

function words(
  dir: string,
  disk: string,
  { firmware = 'bios', blockdev, watchdog = false }: PowerOptions,
): string[] {
  const plain = [
    '-blockdev',
    `driver=raw,node-name=disk,file.driver=file,file.filename=${disk}`,
  ];
  return [
    ...['-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', '512'],
    ...['-display', 'none', '-vga', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ...['-serial', `unix:${path.join(dir, 'shell')},server=on,wait=off`],
    ...['-qmp', `unix:${path.join(dir, 'monitor')},server=on,wait=off`],
    ...(blockdev ?? plain),
    ...['-device', 'virtio-blk-pci,drive=disk,bootindex=1'],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...(watchdog ? ['-device', 'i6300esb', '-action', 'watchdog=reset'] : []),
    ...(firmware === 'uefi' ? uefi(dir) : []),
  ];
}

function uefi(dir: string): string[] {
  const variables = path.join(dir, 'variables');
  fs.copyFileSync(OVMF_VARIABLES, variables);
  const flash = 'if=pflash,format=raw,unit';
  return [
    ...['-drive', `${flash}=0,readonly=on,file=${OVMF}`],
    ...['-drive', `${flash}=1,file=${variables}`],
  ];
}

async function connect(socket: string): Promise<net.Socket> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = await new Promise<net.Socket | null>((resolve) => {
      const connection = net.connect(socket, () => resolve(connection));
      connection.once('error', () => resolve(null));
    });
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('QEMU does not start');
}
