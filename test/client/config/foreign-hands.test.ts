import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { refuseForeignHands } from '../../../client/config/foreign-hands.ts';
import type { FileInfo } from '../../../client/effects/effects.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { foreignHand } from '../../../client/effects/foreign-hand.ts';
import { needsRoot } from '../../support/needs.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const NOBODY = 65534;

t.test('who could change a file or folder', (t) => {
  const [alice, bob, staff] = [1001, 1002, 50];
  const rows: [
    reason: string,
    what: [type: FileInfo['type'], uid: number, gid: number, mode: number],
    user: number,
    why: string | undefined,
  ][] = [
    ['a file of root', ['file', 0, 0, 0o644], 0, undefined],
    ['a file of root, read by another', ['file', 0, 0, 0o644], alice, undefined],
    ['a file of our own', ['file', alice, staff, 0o600], alice, undefined],
    ['of another user', ['file', bob, bob, 0o600], alice, 'belongs to user 1002'],
    ['of another user, seen by root', ['file', bob, 0, 0o444], 0, 'belongs to user 1002'],
    ['open to all', ['file', 0, 0, 0o646], 0, 'can be written by others (mode 0646)'],
    [
      'open to a group',
      ['file', alice, staff, 0o664],
      alice,
      'can be written by others (mode 0664)',
    ],
    [
      'open to the group that is the owner',
      ['file', alice, alice, 0o664],
      alice,
      undefined,
    ],
    [
      'of our own group, and open to all',
      ['file', alice, alice, 0o666],
      alice,
      'can be written by others (mode 0666)',
    ],
    ['the group root', ['file', 0, 0, 0o664], 0, 'can be written by others (mode 0664)'],
    ['/tmp', ['directory', 0, 0, 0o1777], 0, undefined],
    ['/tmp of another', ['directory', bob, bob, 0o1777], 0, 'belongs to user 1002'],
    [
      'a file has no sticky bit',
      ['file', 0, 0, 0o1666],
      0,
      'can be written by others (mode 1666)',
    ],
    ['a link, which is open to all by name', ['link', 0, 0, 0o777], 0, undefined],
    ['a link of another', ['link', bob, bob, 0o777], 0, 'belongs to user 1002'],
  ];
  for (const [reason, [type, uid, gid, mode], user, why] of rows)
    t.equal(foreignHand({ type, uid, gid, mode }, user)?.why, why, reason);
  t.end();
});

/** conf/update.toml below a folder that stands for "/". */
function scene(dir: string): {
  root: string;
  at: (name: string) => string;
  file: string;
} {
  const root = path.join(dir, 'root');
  const at = (name: string): string => path.join(root, name);
  fs.mkdirSync(at('conf'), { recursive: true, mode: 0o755 });
  fs.writeFileSync(at('conf/update.toml'), '', { mode: 0o644 });
  return { root, at, file: at('conf/update.toml') };
}

t.test(
  'every step of the way is looked at, and the cure named',
  needsRoot(),
  async (t) => {
    const rows: {
      reason: string;
      make: (at: (name: string) => string) => void;
      says?: { where: string; found: string; hint: string };
    }[] = [
      { reason: 'in order', make: () => undefined },
      { reason: 'missing', make: (at) => fs.rmSync(at('conf'), { recursive: true }) },
      {
        reason: 'the file is open',
        make: (at) => fs.chmodSync(at('conf/update.toml'), 0o666),
        says: {
          where: 'conf/update.toml',
          found: 'can be written by others (mode 0666)',
          hint: 'chmod go-w conf/update.toml',
        },
      },
      {
        reason: 'the file is another’s',
        make: (at) => fs.chownSync(at('conf/update.toml'), NOBODY, 0),
        says: {
          where: 'conf/update.toml',
          found: 'belongs to user 65534',
          hint: 'chown root conf/update.toml',
        },
      },
      {
        reason: 'its folder is open',
        make: (at) => fs.chmodSync(at('conf'), 0o775),
        says: {
          where: 'conf',
          found: 'can be written by others (mode 0775)',
          hint: 'chmod go-w conf',
        },
      },
      { reason: 'a folder like /tmp', make: (at) => fs.chmodSync(at('conf'), 0o1777) },
      {
        reason: 'the folder that stands for / is open',
        make: (at) => fs.chmodSync(at(''), 0o777),
        says: {
          where: '',
          found: 'can be written by others (mode 0777)',
          hint: 'chmod go-w',
        },
      },
      {
        reason: 'a link leads to where others write',
        make: (at) => {
          fs.mkdirSync(at('open/conf'), { recursive: true });
          fs.chmodSync(at('open'), 0o777);
          fs.renameSync(at('conf/update.toml'), at('open/conf/update.toml'));
          fs.symlinkSync('../open/conf/update.toml', at('conf/update.toml'));
        },
        says: {
          where: 'open',
          found: 'can be written by others (mode 0777)',
          hint: 'chmod go-w open',
        },
      },
      {
        reason: 'an absolute link of root to a place of root',
        make: (at) => {
          fs.renameSync(at('conf'), at('other'));
          fs.symlinkSync(at('other'), at('conf'));
        },
      },
      {
        reason: 'a link that another has made',
        make: (at) => {
          fs.renameSync(at('conf'), at('other'));
          fs.symlinkSync('other', at('conf'));
          fs.lchownSync(at('conf'), NOBODY, NOBODY);
        },
        says: {
          where: 'conf',
          found: 'belongs to user 65534',
          hint: 'chown -h root conf',
        },
      },
      {
        reason: 'links in a circle are for who opens them',
        make: (at) => {
          fs.rmSync(at('conf'), { recursive: true });
          fs.symlinkSync('conf', at('conf'));
        },
      },
    ];
    const dir = t.testdir();
    for (const [index, { reason, make, says }] of rows.entries()) {
      const { root, at, file } = scene(path.join(dir, String(index)));
      make(at);
      const looking = refuseForeignHands(files, root, [file]);
      if (says === undefined) {
        await t.resolves(looking, reason);
        continue;
      }
      const { code, where = '', found, hint = '' } = await refusalOf(looking);
      const step = at(says.where).replace(/\/$/, '');
      t.equal(code, 'config', reason);
      t.ok(
        where === step || where === `${file}, by way of ${step}`,
        `${reason}: ${where}`,
      );
      t.equal(found, says.found, reason);
      t.equal(
        hint.replace(`${root}/`, '').replace(` ${root}`, ''),
        `look at what is in it, then: ${says.hint}`,
      );
    }
    t.end();
  },
);

t.test('a place of ours is not open to all, sticky or not', needsRoot(), async (t) => {
  const { root, at } = scene(t.testdir());
  fs.mkdirSync(at('state'));
  fs.chmodSync(at('state'), 0o1777);
  const { found } = await refusalOf(refuseForeignHands(files, root, [at('state')]));
  t.equal(found, 'everybody can put something there (mode 1777)');
  await t.resolves(
    refuseForeignHands(files, root, [at('state/trust')]),
    'on the way to another',
  );
});

t.test(
  'what this program alone writes is read as it lies there, or not at all',
  needsRoot(),
  async (t) => {
    const { at, file } = scene(t.testdir());
    fs.writeFileSync(file, 'x');
    t.equal((await files.readOwn(file, 10)).toString(), 'x');
    fs.symlinkSync('update.toml', at('conf/link'));
    await t.rejects(files.readOwn(at('conf/link'), 10), {
      code: 'config',
      found: 'a link',
    });
    const made = spawnSync('mkfifo', [at('conf/pipe')]);
    t.equal(made.status, 0);
    await t.rejects(files.readOwn(at('conf/pipe'), 10), {
      code: 'config',
      found: 'no plain file',
    });
    fs.chownSync(file, NOBODY, 0);
    await t.rejects(files.readOwn(file, 10), {
      code: 'config',
      found: 'belongs to user 65534',
    });
    await t.rejects(files.readOwn(at('conf/none'), 10), { code: 'ENOENT' });
  },
);
