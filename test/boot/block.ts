/** GRUB's environment block, written from its description alone: the client's own encoder is what is tested. */
export const BLOCK_BYTES = 1024;

/** What one copy says. A slot is "good-8" … "good-0", "trial-3" … "trial-0", "bad" or "none". */
export interface Values {
  generation: number;
  next: string;
  a: string;
  b: string;
}

export type Copies = [Buffer, Buffer];

/** `text` behind GRUB's first line, filled up with "#". */
export function blank(bytes: number, text = ''): Buffer {
  const block = Buffer.alloc(bytes, '#');
  block.write(`# GRUB Environment Block\n${text}`, 'latin1');
  return block;
}

export function block({ generation, next, a, b }: Values): Buffer {
  return lines({
    qx_generation: `${generation}`,
    qx_next: next,
    qx_a: a,
    qx_b: b,
    qx_end: `${generation}`,
  });
}

export function lines(values: Record<string, string>): Buffer {
  const text = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  return blank(BLOCK_BYTES, text.join(''));
}

/** What stands in a block that GRUB has just written; of a name that stands twice, the last. */
export function valuesOf(bytes: Buffer): Values | null {
  const text = bytes.toString('latin1');
  const found = Object.fromEntries(
    [...text.matchAll(/^(qx_[a-z]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  ) as Record<string, string | undefined>;
  const { qx_generation, qx_next = '', qx_a = '', qx_b = '', qx_end } = found;
  if (qx_generation === undefined || qx_generation !== qx_end) return null;
  return { generation: Number(qx_generation), next: qx_next, a: qx_a, b: qx_b };
}

/** What counts: of both copies that are whole, the one with the higher number. */
export function newest(copies: Copies): Values {
  const found = copies.map(valuesOf).filter((values) => values !== null);
  return found.sort((a, b) => b.generation - a.generation)[0] as Values;
}
