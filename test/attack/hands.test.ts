import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needsRoot } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { installs, refuses } from './judge.ts';
import { stories, type World } from './world.ts';

/** Another user of the host may write where the client reads what it goes by. */

const story = stories(t, needsRoot());
const NOBODY = 65534;

interface Loose {
  name: string;
  /** Path on the host. */
  path: string;
  /** Keys of update.toml that make the client go by it. */
  keys?: Record<string, string>;
  folder?: true;
}

const LOOSE: Loose[] = [
  {
    name: 'the configuration is another user’s, or open to all',
    path: '/quantix/update.toml',
  },
  {
    name: 'the folder of the configuration is another user’s, or open to all',
    path: '/quantix',
  },
  {
    name: 'the pinned root is another user’s, or open to all',
    path: '/quantix/root.json',
  },
  {
    name: 'the file with the Authorization is another user’s, or open to all',
    path: '/quantix/token',
    keys: { authorization_file: '/quantix/token' },
  },
  {
    name: 'the folder of hooks is another user’s, or open to all',
    path: '/quantix/update/hooks.d',
    folder: true,
  },
  { name: 'the state folder is another user’s, or open to all', path: '/data/updates' },
  {
    name: 'the folder of trusted roots is another user’s, or open to all',
    path: '/data/updates/trust',
    folder: true,
  },
  {
    name: 'the folder of components is another user’s, or open to all',
    path: '/data/components',
  },
  { name: 'the store is another user’s, or open to all', path: '/data/components/store' },
  {
    name: 'staging is another user’s, or open to all',
    path: '/data/components/staging',
    folder: true,
  },
];

/** Makes what the host lacks, and a release that it would install. */
function prepare(world: World, { path, keys, folder }: Loose): string {
  const place = world.host.path(path);
  if (keys !== undefined) {
    world.host.configure(keys);
    fs.writeFileSync(place, 'Bearer token\n', { mode: 0o600 });
  }
  if (folder === true) fs.mkdirSync(place, { recursive: true, mode: 0o755 });
  world.publish('1.1.0');
  return place;
}

for (const loose of LOOSE) {
  story(loose.name, async (t, world) => {
    const place = prepare(world, loose);
    const cure = async (says: RegExp): Promise<void> => {
      const stderr = await refuses(t, world, { exit: 78, says });
      const typed = / then: (ch.*)$/m.exec(stderr)?.[1] ?? 'false';
      t.match(typed, place);
      t.equal((await run('sh', ['-c', typed])).status, 0, typed);
    };
    world.web.asked();
    fs.chmodSync(place, fs.statSync(place).mode | 0o022);
    await cure(/can be written by others \(mode 0\d{3}\)/);
    fs.chownSync(place, NOBODY, NOBODY);
    await cure(/belongs to user 65534/);
    t.same(world.web.asked(), [], 'nobody was asked');
    await installs(t, world, '1.1.0');
  });
}

story('an ordinary user with umask 002 has a sandbox of his own', async (t, world) => {
  const [user, group] = [1234, 1234];
  const folder = path.dirname(world.host.dir);
  fs.chmodSync(path.dirname(folder), 0o711);
  const own = (owner: string): Promise<unknown> =>
    run('sh', ['-c', 'chown -Rh "$1" "$2" && chmod -R g+w "$2"', 'sh', owner, folder]);
  await own(`${user}:${group}`);
  const as = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups'];
  world.publish('1.1.0');
  await installs(t, world, '1.1.0', { as });
  // A group that others may be in is another matter.
  await own(`${user}:50`);
  world.publish('1.2.0');
  await refuses(t, world, { exit: 78, says: /can be written by others/, as });
});
