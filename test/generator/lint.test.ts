import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { NOW, qxRepo, write } from './support.ts';
import { POINTER, type Tree, published, serveFolder, treeAt } from './trees.ts';
import type { Survey } from '../../generator/check/survey.ts';
import { lintRoles } from '../../generator/lint/rules.ts';
import { Problems } from '../../generator/check/problems.ts';
import { makeForge, sha256 } from '../support/forge.ts';

interface Found {
  message: string;
  where: string;
  found?: string;
  hint?: string;
}

interface Linted {
  status: number;
  problems: Found[];
  warnings: Found[];
  notes: Found[];
}

async function lint(cwd: string, args: string[] = [], now = NOW): Promise<Linted> {
  const called = await qxRepo(cwd, ['lint', ...args, '--json'], { now });
  if (called.stdout === '') throw new Error(called.stderr);
  return {
    status: called.status,
    ...(JSON.parse(called.stdout) as Omit<Linted, 'status'>),
  };
}

t.test('a tree that was just published has nothing to say', async (t) => {
  const workspace = await published(t.testdir());
  t.match(await lint(workspace), { status: 0, problems: [], warnings: [], notes: [] });
  const url = await serveFolder(t, path.join(workspace, 'public'));
  t.match(await lint(workspace, [url]), { status: 0, problems: [], warnings: [] });
});

t.test('what is bad to publish', async (t) => {
  const original = await published(t.testdir());
  type Row = [
    name: string,
    harm: (tree: Tree, workspace: string) => void,
    kind: 'problems' | 'warnings' | 'notes',
    where: string,
    says: RegExp,
  ];
  const key = fs.readFileSync(path.join(original, 'keys/root.key'), 'utf8');
  const page = 'products/quantix-os/releases-1.json';
  const stranger = '0'.repeat(64);
  // prettier-ignore
  const rows: Row[] = [
    ['an edited pointer', (tree) => tree.edit(POINTER, (b) => b.toString().replace('"1.1.0"', '"1.0.0"')), 'problems', POINTER, /edited and not signed/],
    ['a stub of a pointer', (tree) => { write(tree.file('channels/quantix-os/beta.json'), '{"version": "1.0.0"}'); }, 'problems', 'channels/quantix-os/beta.json', /edited and not signed/],
    ['a version that is on no page', (tree) => tree.edit(page, (b) => b.toString().replace('"1.1.0"', '"1.1.1"')), 'problems', POINTER, /no release page/],
    ['a key that is called one', (tree) => { write(tree.file('root.key'), key); }, 'problems', 'root.key', /secret key/],
    ['a key in disguise', (tree) => { write(tree.file('assets/logo.txt'), key); }, 'problems', 'assets/logo.txt', /secret key/],
    ['a key behind an object\'s name', (tree) => { write(tree.file(`objects/00/${stranger}`), key); }, 'problems', `objects/00/${stranger}`, /secret key/],
    ['a dot-file', (tree) => { write(tree.file('.nojekyll'), ''); }, 'warnings', '.nojekyll', /dot-file/],
    ['a name with an underscore', (tree) => { write(tree.file('_x/a.css'), ''); }, 'warnings', '_x/a.css', /underscore/],
    ['a file that nothing needs', (tree) => { write(tree.file('manifests/notes.txt'), ''); }, 'warnings', 'manifests/notes.txt', /does not belong/],
    ['an object of no release', (tree) => { write(tree.file(`objects/00/${stranger}`), 'x'); }, 'notes', `objects/00/${stranger}`, /no release names/],
    ['another install path in the configuration', (_tree, workspace) => {
      const file = path.join(workspace, 'quantix-repo.toml');
      write(file, fs.readFileSync(file, 'utf8').replace('/data/bin/qx-node', '/opt/qx-node'));
    }, 'warnings', 'quantix-os 1.1.0 qx-node', /install_path/],
    ['another service in the configuration', (_tree, workspace) => {
      const file = path.join(workspace, 'quantix-repo.toml');
      write(file, fs.readFileSync(file, 'utf8').replace('"quantix-node"', '"node"'));
    }, 'warnings', 'quantix-os 1.1.0 qx-node', /restart_service/],
  ];
  for (const [name, harm, kind, where, says] of rows) {
    await t.test(name, async (t) => {
      const workspace = path.join(t.testdir(), 'workspace');
      fs.cpSync(original, workspace, { recursive: true });
      harm(treeAt(path.join(workspace, 'public')), workspace);
      const linted = await lint(workspace);
      const hit = linted[kind].find((found) => found.where === where);
      t.match(hit?.message, says, JSON.stringify(linted));
      t.equal(linted.status, kind === 'problems' ? 78 : 0);
    });
  }
});

t.test('a third of a life is time enough to notice', async (t) => {
  const workspace = await published(t.testdir());
  const early = await lint(workspace, [], '2026-04-29T00:00:00Z');
  t.same(early.warnings, [], '31 of 90 days left');
  const late = await lint(workspace, [], '2026-05-02T00:00:00Z');
  t.match(late, { status: 0, warnings: [{ where: POINTER, hint: 'qx-repo sign' }] });
  t.match(late.warnings[0]?.found, /left, until 2026-05-30/);
  const over = await lint(workspace, [], '2026-06-02T00:00:00Z');
  t.match(over, { status: 78, problems: [{ where: POINTER }], warnings: [] });
  const years = await lint(workspace, [], '2028-06-01T00:00:00Z');
  t.match(years.warnings, [{ where: 'root/1.json' }]);
});

t.test('keys that others can read, and documents that wait', async (t) => {
  const workspace = await published(t.testdir());
  const key = path.join(workspace, 'keys/release.key');
  fs.chmodSync(key, 0o644);
  t.match(await lint(workspace), {
    status: 78,
    problems: [{ where: key, found: 'mode 0644', hint: /^chmod 600 / }],
  });
  fs.chmodSync(key, 0o600);

  const pointer = fs.readFileSync(path.join(workspace, 'public', POINTER), 'utf8');
  const next = pointer.replace('"serial": 2', '"serial": 3');
  const file = path.join(workspace, 'pending', `${sha256(Buffer.from(next))}.json`);
  write(file, next);
  t.match(await lint(workspace), {
    status: 0,
    warnings: [{ where: file, found: '0 of 1' }],
  });
});

t.test('a root key that signs every day', async (t) => {
  const forge = makeForge(path.join(t.testdir(), 'tree'));
  forge.release({ pointer: { issued: NOW, expires: '2026-05-01T00:00:00Z' } });
  const shared = { keys: [forge.keys.root.id], threshold: 1 };
  const { status, warnings } = await lint(forge.dir, [forge.dir]);
  t.equal(status, 78, 'the forged tree has no pages');
  t.notOk(warnings.some(({ message }) => message.includes('root key')));
  const problems = new Problems('');
  const root = { ...forge.root, roles: { ...forge.root.roles, release: shared } };
  lintRoles({ root } as unknown as Survey, problems);
  t.match(problems.of('warning')[0]?.message, /role "release"/);
});

t.test('all of it in one run, for people', async (t) => {
  const workspace = await published(t.testdir());
  const tree = treeAt(path.join(workspace, 'public'));
  write(tree.file('.hidden'), '');
  write(tree.file('x.key'), 'x');
  tree.edit(POINTER, (b) => b.toString().replace('"1.1.0"', '"1.0.0"'));
  const called = await qxRepo(workspace, ['lint']);
  t.equal(called.status, 78);
  t.match(
    called.stdout,
    /edited and not signed[\s\S]*secret key[\s\S]*2 problems, 1 warning\n/,
  );
});
