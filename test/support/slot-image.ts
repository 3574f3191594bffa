/** Images as small as their readers allow: a superblock, padding, and the block that says what they are. */

const BLOCK = 4096;

/** A squashfs of layout A by its superblock alone, whole and compressed by gzip unless `edit` changes that. */
export function squashfs(edit: (head: Buffer) => void = () => undefined): Buffer {
  const head = Buffer.alloc(BLOCK);
  head.write('hsqs');
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(4, 28);
  head.writeBigUInt64LE(BigInt(BLOCK), 40);
  edit(head);
  return head;
}

/** The same of an ext4 without a journal, as layout B is one. */
export function ext4(edit: (superblock: Buffer) => void = () => undefined): Buffer {
  const head = Buffer.alloc(BLOCK);
  const superblock = head.subarray(1024, 2048);
  superblock.writeUInt32LE(1, 4);
  superblock.writeUInt32LE(2, 24);
  superblock.writeUInt16LE(0xef53, 56);
  superblock.writeUInt32LE(0x242, 96);
  edit(superblock);
  return head;
}

/** What the last block of an image says of it. */
export function about(value: object, magic = 'QUANTIX-IMAGE 1'): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(`${magic}\n${JSON.stringify(value)}\n`);
  return block;
}
