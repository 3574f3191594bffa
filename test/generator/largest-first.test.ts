import path from 'node:path';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import { NOW, effectsAt, manifestOf, newWorkspace, ok, write } from './support.ts';

t.test('the largest component is compressed first, whatever it is called', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const bytes = { agent: 2000, 'qx-console': 1000, 'qx-node': 3000 };
  const components = Object.entries(bytes).flatMap(([name, count]) => {
    const file = write(path.join(dir, name), `${name}\n`.padEnd(count, '.'), 0o755);
    return [
      '--component',
      `${name}=${file}`,
      '--install-path',
      `${name}=/data/bin/${name}`,
    ];
  });
  const begun: string[] = [];
  const effects = observe(effectsAt(), ({ name, args }) => {
    if (name !== 'files.open' || args[1] !== 'read') return;
    const read = path.relative(dir, String(args[0]));
    if (Object.hasOwn(bytes, read)) begun.push(read);
  });
  const args = [
    'generate',
    '--product',
    'quantix-os',
    '--version',
    '1.0.0',
    '--issued',
    NOW,
  ];
  const result = await ok(workspace, [...args, '--jobs', '1', ...components], {
    effects,
  });
  t.same(begun, ['qx-node', 'agent', 'qx-console']);
  const sizes = manifestOf(workspace, result).components.map(({ name, content }) => [
    name,
    content.size,
  ]);
  t.same(Object.fromEntries(sizes), bytes, 'each has its own content all the same');
});
