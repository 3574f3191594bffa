/** What was put into a GRUB image when it was made. */
export interface GrubCore {
  modules: string[];
  /** The folder that it reads its grub.cfg from, without the device: "/grub". Null where that cannot be told. */
  folder: string | null;
}

const MODULE_INFO_MAGIC = 0x676d696d;
const [MODULE, CONFIG, PREFIX] = [0, 2, 3];

/**
 * Takes a 64-bit EFI program of GRUB apart: a PE file whose section "mods" holds the objects that grub-mkimage was
 * given (include/grub/kernel.h). Null for what is none: a shim, another boot loader, a damaged file.
 */
export function parseGrubCore(bytes: Buffer): GrubCore | null {
  try {
    const mods = sectionOf(bytes, 'mods');
    return mods === null || mods.readUInt32LE(0) !== MODULE_INFO_MAGIC
      ? null
      : coreOf(objectsOf(mods));
  } catch (error) {
    // An offset that leads out of the file.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** PE/COFF: at 0x3c where its header begins; 20 bytes of it, an optional one, then 40 bytes for each section. */
function sectionOf(bytes: Buffer, name: string): Buffer | null {
  if (bytes.toString('latin1', 0, 2) !== 'MZ') return null;
  const header = bytes.readUInt32LE(0x3c) + 4;
  const count = bytes.readUInt16LE(header + 2);
  const table = header + 20 + bytes.readUInt16LE(header + 16);
  for (let at = table; at < table + count * 40; at += 40) {
    if (untilZero(bytes.subarray(at, at + 8)) !== name) continue;
    const start = bytes.readUInt32LE(at + 20);
    return bytes.subarray(start, start + bytes.readUInt32LE(at + 16));
  }
  return null;
}

interface CoreObject {
  type: number;
  body: Buffer;
}

function objectsOf(mods: Buffer): CoreObject[] {
  const end = Number(mods.readBigUInt64LE(16));
  const found: CoreObject[] = [];
  for (let at = Number(mods.readBigUInt64LE(8)); at + 8 <= end;) {
    const size = mods.readUInt32LE(at + 4);
    if (size < 8) break;
    found.push({ type: mods.readUInt32LE(at), body: mods.subarray(at + 8, at + size) });
    at += size;
  }
  return found;
}

function coreOf(objects: readonly CoreObject[]): GrubCore {
  const text = (wanted: number): string | undefined => {
    const found = objects.find(({ type }) => type === wanted);
    return found === undefined ? undefined : untilZero(found.body);
  };
  const modules = objects.filter(({ type }) => type === MODULE);
  return {
    modules: modules.map(({ body }) => moduleName(body) ?? '?'),
    folder: folderOf(text(PREFIX) ?? '', text(CONFIG) ?? ''),
  };
}

/** ELF, 64 bits: the section ".modname" of a module holds its name. */
function moduleName(elf: Buffer): string | null {
  const table = Number(elf.readBigUInt64LE(0x28));
  const [entry, count, names] = [0x3a, 0x3c, 0x3e].map((at) => elf.readUInt16LE(at)) as [
    number,
    number,
    number,
  ];
  const startOf = (section: number): number =>
    Number(elf.readBigUInt64LE(table + section * entry + 24));
  for (let section = 0; section < count; section += 1) {
    const name = startOf(names) + elf.readUInt32LE(table + section * entry);
    if (untilZero(elf.subarray(name)) !== '.modname') continue;
    return untilZero(elf.subarray(startOf(section)));
  }
  return null;
}

/** What grub-install puts in: a search for the partition, then the prefix. Anything else may lead anywhere. */
const KNOWN_LINE = /^(search[a-z_.]* .*|insmod .*|set root=.*|set prefix=.*)?$/;

function folderOf(prefix: string, config: string): string | null {
  const lines = config.split('\n').map((line) => line.trim());
  if (!lines.every((line) => KNOWN_LINE.test(line))) return null;
  const set = lines.filter((line) => line.startsWith('set prefix=')).at(-1);
  const said = set?.slice('set prefix='.length).replace(/'/g, '') ?? prefix;
  const [, folder] = /^(?:\([^()]*\))?(\/[^()$]*?)\/*$/.exec(said) ?? [];
  return folder ?? null;
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}
