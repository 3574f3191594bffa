import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { missingPrograms } from './programs.mjs';

/**
 * Options of a test that runs these system programs: `t.test('…', needs('nginx'), async (t) => …)`.
 * Where one is missing the test is skipped and says which.
 */
export function needs(...programs: string[]): { skip?: string } {
  const missing = missingPrograms(programs);
  return missing.length === 0
    ? {}
    : { skip: `because ${missing.join(', ')} is not installed` };
}

/** The same for tests that only the superuser can run. */
export function needsRoot(): { skip?: string } {
  return process.getuid?.() === 0 ? {} : { skip: 'because this is not root' };
}

/** For tests that mount a file system of their own. */
export function needsMounts(): { skip?: string } {
  const { skip } = needsRoot();
  if (skip !== undefined) return { skip };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'quantix-test', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return {};
  } catch {
    return { skip: 'because nothing can be mounted here' };
  } finally {
    fs.rmdirSync(folder);
  }
}
