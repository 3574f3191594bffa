import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { observe } from '../../client/effects/observe.ts';
import {
  type CallOptions,
  type Called,
  type Json,
  effectsAt,
  newWorkspace,
  ok,
  pointerOf,
  qxRepo,
  smallRelease,
  write,
} from './support.ts';

/** Files of a release and the workspace, which has published nothing. */
async function scene(t: Test) {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const program = write(path.join(dir, 'build/qx-node'), 'program one', 0o755);
  write(path.join(dir, 'build/ui/index.html'), '<h1>one</h1>');
  const once = (args: string[], options?: CallOptions): Promise<Called> =>
    qxRepo(workspace, ['dev', '--once', '--port', '0', '--json', ...args], options);
  return { dir, workspace, program, once, ui: path.join(dir, 'build/ui') };
}

const events = ({ stdout }: Called): Json[] =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Json);

const published = (called: Called): Json => {
  const found = events(called).find(({ event }) => event === 'published');
  if (found !== undefined) return found;
  throw new Error(`nothing was published:\n${called.stdout}${called.stderr}`);
};

const node = (file: string): string[] => ['--component', `qx-node=${file}`];

t.test('what is there is published as the next pre-release, once', async (t) => {
  const { workspace, program, once, ui } = await scene(t);
  const first = await once([...node(program), '--component', `host-ui=${ui}`]);
  t.equal(first.status, 0, first.stderr);
  t.match(events(first), [
    { schemaVersion: 1, event: 'watching', product: 'quantix-os', channel: 'dev' },
    { event: 'published', state: 'published', version: '0.1.0-dev.1' },
    { event: 'stopped', publications: 1 },
  ]);
  t.equal(pointerOf(workspace, 'dev').version, '0.1.0-dev.1');

  fs.utimesSync(program, 0, 0);
  t.match(published(await once(node(program))), { state: 'unchanged' }, 'same contents');
  t.equal(pointerOf(workspace, 'dev').serial, 1);

  write(program, 'program two', 0o755);
  t.match(published(await once(node(program))), {
    version: '0.1.0-dev.2',
    components: [
      { name: 'host-ui', version: '0.1.0-dev.1', state: 'carried' },
      { name: 'qx-node', version: '0.1.0-dev.2', state: 'new' },
    ],
  });
  write(path.join(ui, 'index.html'), '<h1>one</h1>');
  t.match(
    published(await once([...node(program), '--component', `host-ui=${ui}`])),
    { state: 'unchanged', version: '0.1.0-dev.2' },
    'components that stand in two versions',
  );
  const toml = path.join(workspace, 'quantix-repo.toml');
  const text = fs.readFileSync(toml, 'utf8');
  fs.writeFileSync(toml, text.replace('order = 2', 'order = 7'));
  t.match(published(await once(node(program))), { version: '0.1.0-dev.3' }, 'settings');
  t.equal((await ok(workspace, ['verify'])).exitCode, 0);
});

t.test('a channel that begins takes the rest from the highest release', async (t) => {
  const { dir, workspace, program, once } = await scene(t);
  const stable = ['generate', '--version', '1.4.2', '--channel', 'stable'];
  await ok(workspace, [...stable, ...smallRelease(dir, 'stable')]);
  write(program, 'program two', 0o755);
  const rows: [channel: string, version: string][] = [
    ['dev', '1.4.3-dev.1'],
    ['lab', '1.4.3-dev.2'],
  ];
  for (const [channel, version] of rows) {
    const called = await once([...node(program), '--channel', channel]);
    t.match(published(called), { version, components: [{ name: 'host-ui' }, {}] });
    t.equal(pointerOf(workspace, channel).version, version);
    write(program, 'program three', 0o755);
  }
});

t.test('what cannot be right is refused before anything is served', async (t) => {
  const { dir, workspace, program, once } = await scene(t);
  const elsewhere = await qxRepo(dir, ['dev', ...node(program)]);
  t.equal(elsewhere.status, 78);
  t.match(elsewhere.stderr, /not a workspace[\s\S]*qx-repo init DIR/);
  const rows: [args: string[], status: number, says: RegExp][] = [
    [[], 2, /nothing to watch/],
    [['--component', 'qx-node'], 2, /name=value/],
    [['--component', 'Q!=x', '--product', 'p'], 23, /name/],
    [['--component', 'unknown=x'], 2, /which product/],
    [[...node(program), '--channel', '../x'], 23, /name/],
    [[...node(program), '--port', '70000'], 2, /port/],
    [[...node(program), '--settle', 'x'], 2, /settle/],
    [[...node(program), '--host', 'nowhere'], 2, /--host/],
    [[...node(program), '--host', dir], 78, /no qx-update/],
    [[...node(program), '--host', dir, '--client', 'x'], 78, /no qx-update/],
    [node(workspace), 2, /lies in it/],
    [node(dir), 2, /lies in it/],
    [node(path.join(workspace, 'public/root')), 2, /lies in it/],
    [node(path.join(dir, 'nothing')), 78, /no such file/],
  ];
  for (const [args, status, says] of rows) {
    const called = await once(args);
    t.equal(called.status, status, `${args.join(' ')}: ${called.stderr}`);
    t.match(called.stderr, says);
  }
  t.notOk(fs.existsSync(path.join(workspace, 'public/channels/quantix-os')));
});

t.test('what changes while it is read is not published', async (t) => {
  const { workspace, program, once } = await scene(t);
  let reads = 0;
  const changing = observe(effectsAt(), ({ name, args }) => {
    if (name === 'files.open' && args[0] === fs.realpathSync(program) && ++reads === 1)
      fs.writeFileSync(program, 'program two');
  });
  const called = await once(node(program), { effects: changing });
  t.match(
    events(called).map(({ event }) => event as string),
    ['watching', 'unsteady', 'published', 'stopped'],
  );
  t.match(published(called), { version: '0.1.0-dev.1' }, 'no number was lost');
  const names = fs.readdirSync(path.join(workspace, 'public/manifests'));
  t.equal(names.length, 1, 'nothing was signed for the first one');
});

t.test('rounds follow each other until Ctrl-C', async (t) => {
  const { workspace, program } = await scene(t);
  let pauses = 0;
  const saving = observe(effectsAt(), ({ name }) => {
    if (name !== 'clock.sleep') return;
    pauses += 1;
    if (pauses % 5 === 0) write(program, `program ${pauses}`, 0o755);
    if (pauses === 18) process.emit('SIGINT');
  });
  const args = ['dev', '--port', '0', '--json', ...node(program)];
  const called = await qxRepo(workspace, args, { effects: saving });
  t.equal(called.status, 0, called.stderr);
  const rounds = events(called).filter(({ event }) => event === 'published');
  t.same(
    rounds.map(({ version }) => version as string),
    [1, 2, 3, 4].map((number) => `0.1.0-dev.${number}`),
  );
  t.match(events(called).at(-1), { event: 'stopped', publications: 4 });
  t.equal((await ok(workspace, ['verify'])).exitCode, 0);
});
