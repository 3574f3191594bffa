import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { filesBelow, newWorkspace, ok, qxRepo, smallRelease } from './support.ts';

t.test(
  'what would be refused at the end is refused before anything is published',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const generate = (version: string, ...more: string[]): string[] => [
      'generate',
      '--version',
      version,
      '--channel',
      'stable',
      ...smallRelease(dir, version),
      ...more,
    ];
    await ok(workspace, generate('2.0.0'));
    const before = filesBelow(path.join(workspace, 'public'));
    const refused = async (
      args: string[],
      status: number,
      says: RegExp,
    ): Promise<void> => {
      const called = await qxRepo(workspace, args);
      t.equal(called.status, status, called.stderr);
      t.match(called.stderr, says);
      t.same(filesBelow(path.join(workspace, 'public')), before);
    };
    await refused(generate('1.9.0'), 22, /an older version than the channel has now/);
    const old = generate('2.1.0').map((arg) =>
      arg.includes('12:00:00Z') ? '2026-01-01T00:00:00Z' : arg,
    );
    await refused(old, 11, /less than half of its life left/);
    fs.renameSync(
      path.join(workspace, 'keys/channel.key'),
      path.join(dir, 'channel.key'),
    );
    await refused(generate('2.1.0'), 78, /role "channel"/);
    fs.renameSync(
      path.join(workspace, 'keys/release.key'),
      path.join(dir, 'release.key'),
    );
    await refused(generate('2.1.0'), 78, /role "release"/);
    fs.renameSync(
      path.join(dir, 'channel.key'),
      path.join(workspace, 'keys/channel.key'),
    );
    fs.renameSync(
      path.join(dir, 'release.key'),
      path.join(workspace, 'keys/release.key'),
    );
    fs.writeFileSync(
      path.join(workspace, 'serials.json'),
      '{"complete": false, "channels": {}}',
    );
    const other = generate('2.1.0').map((arg) => (arg === 'stable' ? 'beta' : arg));
    await refused(other, 22, /--first/);
    await ok(workspace, generate('2.1.0'));
  },
);
