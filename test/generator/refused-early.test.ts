import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { filesBelow, newWorkspace, ok, qxRepo, smallRelease, write } from './support.ts';

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

t.test('what a host would refuse is refused here, with the path', async (t) => {
  const dir = t.testdir({ empty: {}, folder: { file: 'x' }, file: 'x' });
  const workspace = await newWorkspace(path.join(dir, 'w'));
  fs.symlinkSync('/etc/passwd', path.join(dir, 'folder/absolute'));
  fs.symlinkSync('nowhere', path.join(dir, 'dangling'));
  write(path.join(dir, 'setuid'), 'x', 0o4755);
  write(path.join(dir, 'deep/setgid'), 'x', 0o2755);
  const rows: [flags: string[], status: number, says: RegExp][] = [
    [
      ['--component', 'host-ui=folder'],
      23,
      /error: host-ui: .* absolute\n {2}where {5}\S*\/folder\/absolute\n/,
    ],
    [['--component', 'host-ui=deep'], 23, /host-ui: a set-id file\n.*\/deep\/setgid\n/],
    [['--component', 'qx-node=setuid'], 23, /setuid/],
    [['--component', 'qx-node=folder'], 78, /qx-node: of another kind/],
    [['--component', 'qx-node=missing'], 78, /missing/],
    [['--component', 'qx-node=/dev/null'], 23, /\/dev\/null/],
    [['--component', 'unheard=file'], 78, /unheard: nothing says where it is installed/],
    [
      ['--component', 'unheard=file', '--install-path', 'unheard=relative/path'],
      23,
      /install_path/,
    ],
    [
      ['--component', 'unheard=file', '--install-path', 'unheard=/data/bin/../x'],
      23,
      /install_path/,
    ],
    [['--component', 'Unheard=file', '--install-path', 'Unheard=/x'], 23, /Unheard/],
    [
      [
        '--component',
        'a=file',
        '--install-path',
        'a=/opt',
        '--component',
        'b=file',
        '--install-path',
        'b=/opt/b',
      ],
      23,
      /overlap/,
    ],
    [['--component', 'qx-node=file', '--install-path', 'other=/x'], 2, /other/],
    [['--component', 'qx-node'], 2, /name=value/],
    [['--component', 'qx-node=file', '--component', 'qx-node=folder'], 2, /twice/],
    [['--component', 'qx-node=file', '--notes', 'gone'], 78, /no such file\n.*\/gone\n/],
    [[], 2, /a release of nothing/],
  ];
  const before = filesBelow(path.join(workspace, 'public'));
  for (const [flags, status, says] of rows) {
    const args = [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...flags,
    ];
    const absolute = args.map((arg) =>
      arg.replace(/^((?:host-ui|qx-node|unheard|Unheard|a|b)=)([a-z])/, `$1${dir}/$2`),
    );
    const refused = await qxRepo(
      workspace,
      absolute.map((arg, at) =>
        args[at - 1] === '--install-path' ? (args[at] as string) : arg,
      ),
    );
    t.equal(refused.status, status, `${flags.join(' ')}\n${refused.stderr}`);
    t.match(refused.stderr, says);
  }
  for (const version of ['1.0', 'v1.0.0', '1.0.0+build', '01.0.0']) {
    const refused = await qxRepo(workspace, [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      version,
      '--component',
      `qx-node=${dir}/file`,
    ]);
    t.equal(refused.status, 23, version);
  }
  t.same(filesBelow(path.join(workspace, 'public')), before);
});
