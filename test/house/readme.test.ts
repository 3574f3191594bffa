import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { programPath } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const READMES = [
  'README.md',
  'SECURITY.md',
  'client/README.md',
  'client/format/README.md',
  'generator/README.md',
  'repo-template/README.md',
  'overlay/README.md',
];

/** The fenced `sh` blocks of a text, in order. */
function blocks(text: string): string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
}

for (const readme of READMES) {
  const script = blocks(fs.readFileSync(path.join(ROOT, readme), 'utf8'));
  t.test(
    `every command in ${readme} runs`,
    needs('minisign', 'jq', 'rsync', 'curl', 'openssl'),
    (t) => {
      const dir = t.testdir({ bin: {}, work: {} });
      for (const program of ['qx-repo', 'qx-update'] as const) {
        fs.symlinkSync(programPath(program), path.join(dir, 'bin', program));
      }
      // One shell for all blocks of a file, as one person at one prompt; the first command that fails ends it.
      const { status, stdout, stderr } = spawnSync('sh', ['-eu'], {
        cwd: path.join(dir, 'work'),
        input: script.join('\n'),
        encoding: 'utf8',
        env: {
          PATH: `${dir}/bin:${process.env.PATH ?? ''}`,
          HOME: dir,
          QUANTIX_SOURCE: ROOT,
        },
      });
      t.equal(status, 0, `${stdout}\n${stderr}`);
      t.end();
    },
  );
}

t.test('there are commands to run', (t) => {
  const count = READMES.flatMap((readme) =>
    blocks(fs.readFileSync(path.join(ROOT, readme), 'utf8')),
  );
  t.ok(count.length >= 5, `${count.length} blocks`);
  t.end();
});
