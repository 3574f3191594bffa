import fs from 'node:fs';
import path from 'node:path';
import { run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { blank, BLOCK_BYTES } from './block.ts';
import { type Contents, makeFat, must } from './fat.ts';

/** The programs that `newMachine` and its decisions need. */
export const MACHINE_PROGRAMS = ['grub-emu', 'script', 'sfdisk', 'mformat', 'setpriv'];

export const GRUB_CFG = path.join(ROOT, 'overlay/boot/grub/grub.cfg');

const TRACE_BYTES = 64 * 1024;
const ESP_OFFSET = 4096 * 512;

/** What a machine meets besides the environment. */
export interface Circumstances {
  /** What does not work: "linux-A", "initrd-B", "boot". */
  fails?: readonly string[];
  readOnly?: boolean;
}

export interface Decision {
  /** What was called, in order: "linux (hd0,gpt3)/boot/vmlinuz root=…", "initrd …", "boot", "reboot". */
  calls: string[];
  /** Both copies afterwards. */
  copies: [Buffer, Buffer];
}

export interface Machine {
  /** GRUB from its start to the kernel or the reboot, with these two copies on the disk. */
  start(
    copies: readonly [Buffer, Buffer],
    circumstances?: Circumstances,
  ): Promise<Decision>;
}

/**
 * A disk as an appliance has it (GPT, FAT with grub.cfg and both copies) and grub-emu on it. A second disk
 * holds what replaces the ends of the real file, and the trace of what it called.
 */
export async function newMachine(
  dir: string,
  grubCfg = fs.readFileSync(GRUB_CFG, 'utf8'),
  ending = ENDING,
  more: Contents = {},
): Promise<Machine> {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o755);
  const disk = path.join(dir, 'disk.img');
  const places = [marked('copy 0'), marked('copy 1')] as const;
  await makeDisk(dir, disk, {
    'boot-0.env': places[0],
    'grub.cfg': grubCfg,
    'boot-1.env': places[1],
    ...more,
  });
  const runGrub = await newGrub(dir, disk, STUBS + ending);
  const image = fs.readFileSync(disk);
  const at = places.map((place) => image.indexOf(place));

  const start: Machine['start'] = async (
    copies,
    { fails = [], readOnly = false } = {},
  ) => {
    fs.chmodSync(disk, 0o666);
    copies.forEach((copy, index) => patch(disk, at[index] ?? -1, copy));
    fs.chmodSync(disk, readOnly ? 0o444 : 0o666);
    const calls = await runGrub(fails);
    const after = at.map((place) => peek(disk, place, BLOCK_BYTES));
    return { calls, copies: after as [Buffer, Buffer] };
  };
  return { start };
}

/** grub-emu on a disk: each call starts it once and gives what `note` was called with. */
export async function newGrub(
  dir: string,
  disk: string,
  program: string,
): Promise<(fails: readonly string[]) => Promise<string[]>> {
  const tools = path.join(dir, 'tools.img');
  const row = marked('row');
  const trace = blank(TRACE_BYTES, 'trace');
  const contents = { 'grub.cfg': NOTE + program, row, trace };
  await makeFat(dir, tools, 2048, 0, '::/', contents);
  fs.writeFileSync(path.join(dir, 'device.map'), `(hd0) ${disk}\n(hd1) ${tools}\n`);
  const image = fs.readFileSync(tools);
  const [rowAt, traceAt] = [image.indexOf(row), image.indexOf(trace)];
  return async (fails) => {
    patch(tools, rowAt, blank(BLOCK_BYTES, `fails= ${fails.join(' ')} \n`));
    patch(tools, traceAt, blank(TRACE_BYTES));
    await grubEmu(dir);
    const text = peek(tools, traceAt, TRACE_BYTES).toString('latin1');
    return /^trace=\|(.*)$/m.exec(text)?.[1]?.split('|') ?? [];
  };
}

/** A user who is not root, so that a disk may be read-only; a terminal, which grub-emu insists on. */
async function grubEmu(dir: string): Promise<void> {
  const emu = 'grub-emu --device-map device.map --root hd1 --directory /';
  const script = ['script', '--quiet', '--return', '--command', emu, '/dev/null'];
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const [program = '', ...args] =
    process.getuid?.() === 0 ? [...nobody, ...script] : script;
  const options = { cwd: dir, env: { TERM: 'dumb' }, timeoutMs: 60_000 };
  const { status, stdout } = await run(program, args, options);
  if (status !== 0) throw new Error(`grub-emu did not end by itself:\n${stdout}`);
}

async function makeDisk(dir: string, disk: string, contents: Contents): Promise<void> {
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, 12 * 1024 * 1024);
  const table = [
    'label: gpt',
    'start=2048, size=64, type=21686148-6449-6E6F-744E-656564454649, name=BIOSBOOT',
    'start=4096, size=16384, type=uefi, name=EFI',
    'start=20480, size=8, type=linux, name=QUANTIX-A',
    'start=20488, size=8, type=linux, name=QUANTIX-B',
  ];
  await must('sfdisk', ['--quiet', disk], table.join('\n'));
  await makeFat(dir, disk, 16384, ESP_OFFSET, '::/grub', contents);
}

/** A block that stands once on a disk, to find where the file lies. */
function marked(name: string): Buffer {
  return blank(BLOCK_BYTES, `here=${name}\n`);
}

function patch(file: string, at: number, bytes: Buffer): void {
  if (at < 0) throw new Error(`${file}: the place of a file was not found`);
  const handle = fs.openSync(file, 'r+');
  fs.writeSync(handle, bytes, 0, bytes.length, at);
  fs.closeSync(handle);
}

function peek(file: string, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const handle = fs.openSync(file, 'r');
  fs.readSync(handle, buffer, 0, bytes, at);
  fs.closeSync(handle);
  return buffer;
}

/**
 * grub-emu has no linux and no initrd; its own boot finds no kernel and its reboot ends the program. So the
 * first two are functions here, and the real file's own two functions around the others are replaced after
 * it was read. Everything else that runs is the real file's.
 */
const NOTE = `
function note {
  set trace="$trace|$*"
  save_env --file (hd1)/trace trace
}
`;

export const STUBS = `
function linux {
  note linux "$@"
  set tried=B
  if regexp '^\\(hd0,gpt3\\)' "$1"; then set tried=A; fi
  if regexp " linux-$tried " "$fails"; then return 1; fi
}
function initrd {
  note initrd "$@"
  if regexp " initrd-$tried " "$fails"; then return 1; fi
}
load_env --file (hd1)/row fails
set prefix=(hd0,gpt2)/grub
source $prefix/grub.cfg
set timeout_style=menu
set timeout=0
`;

export const ENDING = `
function hand_over {
  note boot
  if regexp " boot " "$fails"; then return 1; fi
  exit
}
function restart {
  note reboot
  exit
}
`;

/** What the real file's load_copy makes of each block: "10000017 B good-8 trial-3", empty when not whole. */
export async function readsOf(dir: string, blocks: readonly Buffer[]): Promise<string[]> {
  const copies = blocks.map((bytes, index) => [`boot-${index + 10}.env`, bytes] as const);
  const numbers = copies.map((_, index) => index + 10).join(' ');
  const ending = `
function restart { exit }
function hand_over { exit }
function start_chosen {
  for number in ${numbers}; do
    if load_copy $number; then set trace="$trace|$number $read_generation $read_next $read_a $read_b"; fi
  done
  save_env --file (hd1)/trace trace
  exit
}
`;
  const machine = await newMachine(dir, undefined, ending, Object.fromEntries(copies));
  const { calls } = await machine.start([blank(BLOCK_BYTES), blank(BLOCK_BYTES)]);
  const found = new Map(
    calls.map((call) => [call.split(' ', 1)[0], call.replace(/^\d+ /, '')]),
  );
  return copies.map((_, index) => found.get(`${index + 10}`) ?? '');
}
