import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { cutOff } from '../../support/cut-off.ts';
import { publishRoots } from '../../support/roots.ts';
import { client, type Ended, publish, world } from '../../support/three-components.ts';

const run = (dir: string, ...words: string[]): Promise<Ended> =>
  client(dir, words, cutOff(Infinity));

/** Runs 1.0.0, then 2.0.0, and has walked to root 3. */
async function updatedHost(
  t: Test,
): Promise<{ host: string; file: (name: string) => string }> {
  const { dir, forge, host: lay } = world(t);
  const host = path.join(dir, 'host');
  lay(host);
  for (const [at, version] of ['1.0.0', '2.0.0'].entries()) {
    publish(forge, version, at + 1);
    publishRoots(forge, at + 2);
    t.match(await run(host, 'apply'), { status: 0 });
  }
  return { host, file: (name) => path.join(host, 'data', name) };
}

/** The first content of the store that is not installed any more. */
function oldContent(file: (name: string) => string): string {
  const link = fs.readlinkSync(file('components/generations/1/qx-node'));
  return path.join(file('components/generations/1'), link);
}

function change(file: string): void {
  const bytes = fs.readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  fs.writeFileSync(file, bytes);
}

function relink(file: string, target: string): void {
  fs.rmSync(file);
  fs.symlinkSync(target, file);
}

type Damage = (file: (name: string) => string) => void;

const POINTER = 'updates/pointers/quantix-os/stable';

const DAMAGES: [what: string, exit: number, says: RegExp, damage: Damage][] = [
  [
    'a content that nothing needs now',
    21,
    /content was changed/,
    (file) => change(oldContent(file)),
  ],
  ['the mode of one', 21, /mode 0644/, (file) => fs.chmodSync(oldContent(file), 0o644)],
  [
    'the record of an older generation',
    30,
    /a record that can be read/,
    (file) => fs.truncateSync(file('components/generations/1/.release.json'), 20),
  ],
  [
    'a link in one',
    30,
    /not what its record says/,
    (file) =>
      relink(file('components/generations/1/qx-node'), '../../store/other/file-0755'),
  ],
  [
    'a name that no record knows',
    30,
    /generations\/1\/stranger/,
    (file) => fs.writeFileSync(file('components/generations/1/stranger'), ''),
  ],
  [
    'a content that is gone',
    30,
    /not what its record says/,
    (file) => fs.rmSync(oldContent(file)),
  ],
  [
    'the way back that is gone',
    30,
    /the way back/,
    (file) => fs.rmSync(file('components/generations/1'), { recursive: true }),
  ],
  [
    'the stored pointer',
    21,
    /not what was verified/,
    (file) => change(file(`${POINTER}.json`)),
  ],
  [
    'an older stored root',
    30,
    /trust root .*unusable/,
    (file) => fs.truncateSync(file('updates/trust/example/2.json'), 50),
  ],
  [
    'a root under another name',
    30,
    /not what its name says/,
    (file) =>
      fs.copyFileSync(
        file('updates/trust/example/3.json'),
        file('updates/trust/example/2.json'),
      ),
  ],
  [
    'one of the two states',
    30,
    /state/,
    (file) => fs.truncateSync(file('updates/state-0.json'), 20),
  ],
  [
    'the journal',
    30,
    /journal .*cannot be read/,
    (file) => fs.writeFileSync(file('updates/journal.json'), 'torn'),
  ],
];

t.test(
  'what is kept and damaged is found, though what is installed is sound',
  async (t) => {
    for (const [what, exit, says, damage] of DAMAGES) {
      await t.test(what, async (t) => {
        const { host, file } = await updatedHost(t);
        const before = await run(host, 'verify', '--deep');
        t.equal(before.status, 0, before.said);
        t.notMatch(before.said, /unfinished/);
        damage(file);
        const deep = await run(host, 'verify', '--deep');
        t.equal(deep.status, exit, deep.said);
        t.match(deep.said, says);
        t.equal((await run(host, 'verify')).status, 0, 'what is installed is sound');
      });
    }
  },
);

const LEFTOVERS: [what: string, left: string, leave: Damage][] = [
  [
    'a download',
    'components/staging/x.part',
    (file) => {
      fs.mkdirSync(file('components/staging'));
      fs.writeFileSync(file('components/staging/x.part'), '');
    },
  ],
  [
    'a link that was not renamed',
    'components/current.new',
    (file) => fs.symlinkSync('x', file('components/current.new')),
  ],
  [
    'a generation that was not finished',
    'components/generations/.new',
    (file) => fs.mkdirSync(file('components/generations/.new')),
  ],
  [
    'a content that was half removed',
    'components/store/.old',
    (file) => fs.mkdirSync(file('components/store/.old')),
  ],
  [
    'the folder of a content that never came',
    'components/store/abc',
    (file) => fs.mkdirSync(file('components/store/abc')),
  ],
  [
    'the room for the way back',
    'updates/room',
    (file) => fs.writeFileSync(file('updates/room'), ''),
  ],
  [
    'a version that was not given its name',
    'versions/qx-node.version.new',
    (file) => fs.writeFileSync(file('versions/qx-node.version.new'), ''),
  ],
  ['half of a stored pointer', POINTER, (file) => fs.rmSync(file(`${POINTER}.minisig`))],
  [
    'a link beside an install path',
    'bin/.qx-node.quantix-new',
    (file) => fs.symlinkSync('x', file('bin/.qx-node.quantix-new')),
  ],
];

t.test('what an unfinished run leaves is named, and is no damage', async (t) => {
  for (const [what, left, leave] of LEFTOVERS) {
    await t.test(what, async (t) => {
      const { host, file } = await updatedHost(t);
      leave(file);
      const deep = await run(host, 'verify', '--deep', '--json');
      t.equal(deep.status, 0, deep.said);
      t.same(JSON.parse(deep.said).leftovers, [file(left)]);
      t.notMatch((await run(host, 'verify')).said, /unfinished/);
    });
  }
});

t.test('each content is read once, and what is wrong with it is said once', async (t) => {
  const { host, file } = await updatedHost(t);
  const counts = ({ name }: { name: string }): boolean => name === 'files.open';
  const deep = cutOff(Infinity, undefined, { counts });
  t.match(await client(host, ['verify', '--deep'], deep), { status: 0 });
  const read = deep.calls
    .map(({ args }) => String(args[0]))
    .filter((path) => path.includes('/components/store/'));
  const contents = fs.readdirSync(file('components/store'));
  for (const content of contents)
    t.ok(
      read.some((path) => path.includes(content)),
      'it is read',
    );
  t.equal(new Set(read).size, read.length, 'and not twice');
  change(file('components/current/qx-node'));
  const { status, said } = await run(host, 'verify', '--deep');
  t.equal(status, 21);
  t.equal(said.match(/error:/g)?.length, 1, said);
});
