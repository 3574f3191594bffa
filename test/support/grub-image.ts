/** What grub-mkimage is given for an image. */
export interface GrubImage {
  prefix: string;
  /** Commands that run first (grub-mkimage -c). */
  config?: string;
  /** Names of modules; their code is left out. */
  modules?: readonly string[];
}

const START = 0x400;

/** A GRUB for UEFI as far as it is looked into: a PE file, its section "mods", and the objects in there. */
export function grubImage({ prefix, config, modules = [] }: GrubImage): Buffer {
  const objects = [
    ...modules.map((name) => object(0, moduleElf(name))),
    ...(config === undefined ? [] : [object(2, text(config))]),
    object(3, text(prefix)),
  ];
  const info = Buffer.alloc(24);
  info.write('mimg', 0);
  info.writeBigUInt64LE(24n, 8);
  const mods = Buffer.concat([info, ...objects]);
  mods.writeBigUInt64LE(BigInt(mods.length), 16);
  return Buffer.concat([peHeader(mods.length), mods]);
}

function peHeader(bytes: number): Buffer {
  const head = Buffer.alloc(START);
  head.write('MZ', 0);
  head.writeUInt32LE(0x80, 0x3c);
  head.write('PE', 0x80);
  head.writeUInt16LE(1, 0x86);
  head.write('mods', 0x98);
  head.writeUInt32LE(bytes, 0x98 + 16);
  head.writeUInt32LE(START, 0x98 + 20);
  return head;
}

function object(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(8 + body.length, 4);
  return Buffer.concat([head, body]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(value), Buffer.alloc(8 - (value.length % 8))]);
}

/** An ELF with two sections: the names of sections, and ".modname". */
function moduleElf(name: string): Buffer {
  const [header, entry] = [64, 64];
  const names = Buffer.from('\0.modname\0');
  const body = Buffer.from(`${name}\0`);
  const elf = Buffer.alloc(header + 2 * entry);
  elf.write('\x7fELF', 0, 'latin1');
  elf.writeBigUInt64LE(BigInt(header), 0x28);
  elf.writeUInt16LE(entry, 0x3a);
  elf.writeUInt16LE(2, 0x3c);
  elf.writeUInt16LE(0, 0x3e);
  elf.writeBigUInt64LE(BigInt(elf.length), header + 24);
  elf.writeUInt32LE(1, header + entry);
  elf.writeBigUInt64LE(BigInt(elf.length + names.length), header + entry + 24);
  return Buffer.concat([elf, names, body]);
}
