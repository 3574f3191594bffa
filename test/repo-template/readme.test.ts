import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const README = fs.readFileSync(path.join(ROOT, 'repo-template/README.md'), 'utf8');

t.test('the sh blocks of the README run as they stand', needs('rsync'), async (t) => {
  const dir = t.testdir({
    bin: { 'qx-repo': t.fixture('symlink', programPath('qx-repo')) },
  });
  const blocks = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    (match) => match[1] ?? '',
  );
  t.ok(blocks.length > 0);
  const env = { PATH: `${path.join(dir, 'bin')}:${process.env.PATH ?? ''}` };
  const { status, stdout, stderr } = await run('sh', ['-eu', '-c', blocks.join('\n')], {
    cwd: dir,
    env,
  });
  t.equal(status, 0, stderr);
  t.match(stdout, '1.json');
  t.match(fs.readdirSync(path.join(dir, 'served')), [
    'channels',
    'index.html',
    'manifests',
    'objects',
    'products',
    'repository.json',
    'root',
    'schema',
  ]);
});

t.test('every path that the README names of the template is there', (t) => {
  const rows = [...README.matchAll(/^\| `((?:public|hosting|scripts|ci)\/[^`]+)`/gm)];
  t.ok(rows.length >= 3);
  for (const [, name = ''] of rows)
    t.ok(fs.existsSync(path.join(ROOT, 'repo-template', name)), name);
  t.end();
});
