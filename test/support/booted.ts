import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { needs, needsMounts } from './needs.ts';
import { run } from './process.ts';
import { ROOT } from './setup.mjs';
import { copyTargets } from './systemd.ts';

const SCRIPT_UNIT = `[Unit]
DefaultDependencies=no
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'exec /bin/sh /script > /said 2>&1'
`;

/** For tests that start a systemd of their own. */
export function needsSystemd(): { skip?: string } {
  const missing = { ...needs('/lib/systemd/systemd'), ...needsMounts() };
  if (missing.skip !== undefined) return missing;
  const mount = ['mount', '-t', 'cgroup', '-o', 'none,name=systemd', 'none', '/mnt'];
  const { status } = spawnSync('unshare', ['-m', ...mount], { stdio: 'ignore' });
  return status === 0 ? {} : { skip: 'because no systemd can be started here' };
}

/**
 * Starts a real systemd over an image that lies in `folder`, with the units of that image and no other, and ends it
 * with the script; gives what that printed. Needs mounts.
 */
export async function underSystemd(folder: string, script: string): Promise<string> {
  const units = path.join(folder, 'units');
  fs.cpSync(path.join(folder, 'usr/lib/systemd/system'), units, { recursive: true });
  copyTargets(units);
  fs.writeFileSync(path.join(units, 'script.service'), SCRIPT_UNIT);
  fs.writeFileSync(path.join(folder, 'script'), script);
  fs.copyFileSync('/etc/passwd', path.join(folder, 'etc/passwd'));
  fs.copyFileSync('/etc/group', path.join(folder, 'etc/group'));
  const words = [path.join(ROOT, 'test/support/booted.sh'), folder, process.execPath];
  const { stdout, stderr } = await run('unshare', ['-m', 'sh', ...words]);
  const said = path.join(folder, 'said');
  if (fs.existsSync(said)) return fs.readFileSync(said, 'utf8');
  throw new Error(`systemd did not come to the script:\n${stdout}${stderr}`);
}
