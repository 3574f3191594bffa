import fs from 'node:fs';
import path from 'node:path';
import { run } from './process.ts';

const TARGETS = '/lib/systemd/system';

/**
 * What systemd says against units that lie below `root`, with the targets that every unit hangs on as this machine's
 * systemd brings them; empty when nothing.
 */
export async function unitComplaints(
  root: string,
  units: readonly string[],
): Promise<string> {
  copyTargets(path.join(root, 'usr/lib/systemd/system'));
  const words = [`--root=${root}`, 'verify', ...units];
  const { status, stdout, stderr } = await run('systemd-analyze', words);
  return status === 0 ? stderr : `status ${status}: ${stdout}${stderr}`;
}

export function copyTargets(to: string): void {
  fs.mkdirSync(to, { recursive: true });
  for (const name of fs.readdirSync(TARGETS))
    if (name.endsWith('.target'))
      fs.copyFileSync(path.join(TARGETS, name), path.join(to, name));
}
