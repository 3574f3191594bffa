import type { Call } from './cut-off.ts';
import type { Fails } from './disturb.ts';
import { seeded } from './seeded.ts';
import { leavesTrace } from './traces.ts';

/** The ways in which effects on a disk really go wrong, and which effects do. */

type Happens = (name: string, args: readonly unknown[]) => boolean;

const isOpen = (name: string): boolean => name === 'files.open';

/** What takes a new block or a new name. */
const grows: Happens = (name, args) =>
  (isOpen(name) && args[1] !== 'read') ||
  /^files\.(?:open\.write|open\.sync|makeDirectory|rename|makeLink|syncDirectory)$/.test(
    name,
  );

const KINDS: Record<string, Happens> = {
  cut: leavesTrace,
  EIO: (name) => /^files\./.test(name) && !/\.(?:lock|close)$/.test(name),
  ENOSPC: grows,
  /** Of a name; who has a file open may go on with it. */
  EACCES: (name) =>
    /^files\.\w+$|^processes\.run$/.test(name) &&
    !/\.(?:lock|freeBytes|totalBytes)$/.test(name),
  /** Node calls again what a signal interrupts, except for read(2). */
  EINTR: (name) => /^files\.(?:read(?:Own)?|open\.read)$/.test(name),
  short: (name) => name === 'files.open.write',
};

export const ALL_KINDS = Object.keys(KINDS);

function kindsOf({ name, args }: Call): string[] {
  return ALL_KINDS.filter((kind) => KINDS[kind]?.(name, args) === true);
}

export const canBe = (kind: string, call: Call): boolean => kindsOf(call).includes(kind);

export const canFail = (call: Call): boolean => kindsOf(call).length > 0;

/** One of them for each effect, as the seed says. */
export function someKind(seed: number): Fails {
  return (effect, call) => {
    const kinds = kindsOf(call);
    return kinds[seeded(seed + effect).below(kinds.length)];
  };
}

export function onlyKind(kind: string): Fails {
  return (_effect, call) => (canBe(kind, call) ? kind : undefined);
}
