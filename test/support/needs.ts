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
