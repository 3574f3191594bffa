import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectFiles } from '../support/layering.mjs';
import { ROOT } from '../support/setup.mjs';

const read = (file: string): string => fs.readFileSync(path.join(ROOT, file), 'utf8');
const project = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

/** Names in backticks in the first column, below the header row that begins so. */
function namesInTable(text: string, header: string): string[] {
  const from = text.slice(text.indexOf(`| ${header} |`));
  const rows = from.slice(0, from.indexOf('\n\n')).split('\n').slice(2);
  return rows
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)])
    .map((match) => match[1] ?? '')
    .sort();
}

t.test('each dependency has a row with its reason, and each row a dependency', (t) => {
  const text = read('CONTRIBUTING.md');
  const { dependencies, devDependencies } = project;
  t.same(namesInTable(text, 'at run time'), Object.keys(dependencies).sort());
  t.same(namesInTable(text, 'for development'), Object.keys(devDependencies).sort());
  t.end();
});

t.test('versions are exact, in package.json and in the lock file', (t) => {
  const all = { ...project.dependencies, ...project.devDependencies };
  for (const [name, version] of Object.entries(all))
    t.match(version, /^(?:npm:(?:@[\w-]+\/)?[\w-]+@)?\d+\.\d+\.\d+$/, name);
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, Record<string, unknown>>;
  };
  // Without addresses: each machine asks the registry that it is set up for, and checks the digest.
  const odd = Object.entries(packages).filter(
    ([where, { integrity, resolved }]) =>
      where !== '' && (resolved !== undefined || !/^sha512-/.test(String(integrity))),
  );
  t.same(odd, []);
  t.end();
});

t.test('the project installs with npm ci, never with npm install', (t) => {
  const sources = projectFiles().filter(
    (file) =>
      /^(?:\.ci\/|test\/(?:support|quickstart)\/|client\/build|package\.json)/.test(
        file,
      ) && /(?:\.mjs|\.cjs|\.ts|\.json|\/run)$/.test(file),
  );
  t.ok(sources.includes('test/support/setup.mjs') && sources.includes('.ci/run'));
  for (const file of sources)
    t.notMatch(read(file), /npm['", [\]]+(?:install|i|add|update)\b/, file);
  t.match(read('test/support/setup.mjs'), /'npm', \['ci'/);
  t.end();
});
