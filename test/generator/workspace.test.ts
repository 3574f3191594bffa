import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeEffects } from '../../client/effects/node.ts';
import { QxError } from '../../client/format/error.ts';
import { parseWorkspaceConfig } from '../../generator/workspace/config.ts';
import { withLock } from '../../generator/workspace/lock.ts';
import { workspacePaths } from '../../generator/workspace/paths.ts';
import { presetConfig } from '../../generator/workspace/preset.ts';
import { effectsAt, newWorkspace, qxRepo } from './support.ts';

t.test('a mistake in quantix-repo.toml is named by line and column', (t) => {
  const rows: [text: string, where: string, says: RegExp][] = [
    ['repository = "a"\nnothing = 1\n', ':2:1: nothing', /not known/],
    ['repository = "A"\n', ':1:1: repository', /fit/],
    ['repository = "a"\n\n[products.x]\n  arch = 7\n', ':4:3: products.x.arch', /fit/],
    [
      'repository = "a"\n[products.x.components.y]\nkind = "file"\ninstall_path = "rel"\n',
      ':4:1: products.x.components.y.install_path',
      /fit/,
    ],
    [
      'repository = "a"\nproducts.x.components.y.order = -1\n',
      ':2:1: products.x.components.y.order',
      /fit/,
    ],
    ['repository = "a"\npointer_days = 401\n', ':2:1: pointer_days', /fit/],
    ['repository = "a"\n[signing]\nnobody = "x"\n', ':3:1: signing.nobody', /fit/],
    ['repository = "a"\nx = = 1\n', ':2:5', /not TOML/],
    ['', ':1:1: repository', /fit/],
  ];
  for (const [text, where, says] of rows) {
    try {
      parseWorkspaceConfig(Buffer.from(text), 'quantix-repo.toml');
      t.fail(text);
    } catch (error) {
      t.ok(error instanceof QxError);
      t.match(error, {
        code: 'config',
        message: says,
        where: `quantix-repo.toml${where}`,
      });
    }
  }
  t.end();
});

t.test('what init writes is a configuration', (t) => {
  const config = parseWorkspaceConfig(
    Buffer.from(presetConfig('mine')),
    'quantix-repo.toml',
  );
  t.match(config, { repository: 'mine', pointer_days: 90, root_days: 1095 });
  t.same(Object.keys(config.products), ['quantix-os', 'quantix-vdc']);
  t.end();
});

t.test(
  'a command elsewhere says that this is no workspace, and makes nothing',
  async (t) => {
    const dir = t.testdir();
    const refused = await qxRepo(dir, ['point', 'a', 'b', '1.0.0']);
    t.equal(refused.status, 78);
    t.match(refused.stderr, /quantix-repo\.toml/);
    t.same(fs.readdirSync(dir), []);
  },
);

t.test('two runs in one workspace: the second waits, or is told who works', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'w'));
  const real = nodeEffects({});
  const effects = { ...real, clock: effectsAt().clock };
  const paths = workspacePaths(workspace);
  let free = (): void => undefined;
  const held = new Promise<void>((resolve) => (free = resolve));
  const first = withLock(
    effects,
    paths,
    { who: 'process 1: qx-repo generate', waitMs: 0 },
    () => held,
  );
  await t.resolves(waitFor(() => fs.existsSync(paths.holder)));
  const told = await qxRepo(workspace, ['point', 'a', 'b', '1.0.0', '--wait', '0'], {
    effects,
  });
  t.equal(told.status, 32);
  t.match(told.stderr, /process 1: qx-repo generate/);

  // Whoever waits sleeps; then, and not before, the first run ends.
  const sleep = (ms: number): Promise<void> => {
    free();
    return effects.clock.sleep(ms);
  };
  const waited = await qxRepo(workspace, ['sign', '--wait', '600'], {
    effects: { ...effects, clock: { ...effects.clock, sleep } },
  });
  await first;
  t.equal(waited.status, 0, waited.stderr);
  t.match(
    waited.stderr,
    /waiting for another run in this workspace \(process 1: qx-repo generate\)/,
  );
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
