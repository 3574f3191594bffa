import { hashFile } from '../../../client/content/hash.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import type { Appliance } from './qemu.ts';

/** The digest of the program that the agent's process really is. */
export async function runningAgent(machine: Appliance): Promise<string> {
  const process = 'grep -lx qx-node /proc/[0-9]*/comm | head -n 1';
  const found = await machine.ok(`sha256sum "$(dirname "$(${process})")/exe"`);
  return found.split(' ', 1)[0] ?? '';
}

export async function digestOf(file: string): Promise<string> {
  return (await hashFile(nodeFiles(), file)).sha256;
}
