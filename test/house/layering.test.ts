import t from 'tap';
import { layeringProblems, nameProblems, problemsOf } from '../support/layering.mjs';

t.test('every folder imports only what it may', async (t) => {
  t.same(layeringProblems(), []);
});

t.test('an import or a call that a folder may not make is found', async (t) => {
  const refused: [file: string, source: string, why: string][] = [
    ['client/format/x.ts', "import fs from 'node:fs';", 'the kernel does no I/O'],
    [
      'client/format/x.ts',
      "import { z } from '../reader/source.ts';",
      'the kernel stands below',
    ],
    ['client/format/x.ts', "import sade from 'sade';", 'four modules and no more'],
    ['client/format/x.ts', 'const now = Date.now();', 'a parser has no clock'],
    [
      'client/policy/x.ts',
      "import { readFile } from 'node:fs/promises';",
      'effects are passed in',
    ],
    [
      'client/policy/x.ts',
      "const fetch = await import('node-fetch');",
      'lazily is no excuse',
    ],
    ['client/policy/x.ts', 'const roll = Math.random();', 'a decision repeats'],
    ['client/policy/x.ts', 'const at = new Date();', 'the same'],
    [
      'client/policy/x.ts',
      "import { a } from '../../generator/a.ts';",
      'hosts do not publish',
    ],
    ['client/policy/x.ts', "import { globby } from 'globby';", "the generator's"],
    ['client/policy/x.ts', "import left from 'left-pad';", 'not a dependency'],
    [
      'client/policy/x.ts',
      "import fs from 'fs';",
      'without node: it would pass as a package',
    ],
    [
      'generator/x.ts',
      "import { a } from '../client/state/state.ts';",
      "a host's own business",
    ],
    [
      'generator/x.ts',
      "export * from '../test/support/x.ts';",
      'programs do not need tests',
    ],
    [
      'generator/x.ts',
      "import { spawn } from 'node:child_process';",
      'effects are passed in',
    ],
  ];
  for (const [file, source, why] of refused) {
    t.equal(
      problemsOf(file, source, ['sade', 'globby', 'node-fetch']).length,
      1,
      `${source} ${why}`,
    );
  }
});

t.test('what a folder may do is let alone', async (t) => {
  const accepted: [file: string, source: string][] = [
    ['client/format/x.ts', "import { createHash } from 'node:crypto';"],
    ['client/effects/x.ts', "import fs from 'node:fs';\nDate.now();"],
    ['client/main.ts', "import { a } from './effects/node.ts';\nDate.now();"],
    [
      'client/policy/x.ts',
      '// Date.now() is not asked here\nconst a = 1; // nor new Date()',
    ],
    ['client/policy/x.ts', 'const at = new Date(now);'],
    [
      'generator/x.ts',
      "import { a } from '../client/reader/source.ts';\nimport { globby } from 'globby';",
    ],
    ['test/x.test.ts', "import fs from 'node:fs';"],
  ];
  for (const [file, source] of accepted)
    t.same(problemsOf(file, source, ['globby']), [], source);
});

t.test('folders and names that do not belong are found', async (t) => {
  t.same(
    nameProblems(['client/a.ts', 'README.md', 'client/format/README.md', '.ci/run']),
    [],
  );
  t.equal(nameProblems(['scripts/build.mjs']).length, 1, 'another top-level folder');
  t.equal(nameProblems(['client/clientState.ts']).length, 1, 'an upper-case letter');
  t.equal(nameProblems(['overlay/etc/_x']).length, 1, 'an underscore first');
});
