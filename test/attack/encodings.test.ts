import t from 'tap';
import { encodeSignatures } from '../../client/format/minisign/signature.ts';
import { encodePointer } from '../../client/format/pointer.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { withFields } from '../support/bad-tree.ts';
import { sha256 } from '../support/forge.ts';
import { blockBy, putBlocks, putPointer, putSigned } from './documents.ts';
import { installs, refuses } from './judge.ts';
import { stories, type World } from './world.ts';

/** One document in two spellings: what a careless reader takes, and what makes two readers see two things. */

const story = stories(t);
const POINTER = 'channels/quantix-os/stable.json';

/** Replaces the good signature of the pointer of 1.1.0. */
function respell(world: World, edit: (lines: string[]) => string[]): void {
  const file = signaturePath(sha256(world.forge.read(POINTER)));
  const lines = world.forge.read(file).toString().split('\n');
  world.forge.put(file, edit(lines).join('\n'));
}

/** The line of the signature, or of the global one, changed. */
const line =
  (number: 1 | 3, change: (text: string) => string) =>
  (lines: string[]): string[] =>
    lines.map((text, index) => (index === number ? change(text) : text));

/** The same bytes in base64, with bits in the last letter that count for nothing. */
function looseBits(text: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const at = text.search(/=+$/) - 1;
  const loose = letters[letters.indexOf(text.charAt(at)) + 1] ?? '';
  const spelt = `${text.slice(0, at)}${loose}${text.slice(at + 1)}`;
  if (Buffer.from(spelt, 'base64').equals(Buffer.from(text, 'base64'))) return spelt;
  throw new Error('these bits count');
}

const SPELLINGS: [name: string, edit: (lines: string[]) => string[]][] = [
  ['bits that count for nothing', line(1, looseBits)],
  ['the same in the global signature', line(3, looseBits)],
  ['no padding', line(1, (text) => text.replace(/=+$/, ''))],
  ['more padding', line(3, (text) => `${text}=`)],
  ['the letters of URLs', line(1, (text) => text.replace(/[A-Z]/, '-'))],
  ['a blank in it', line(1, (text) => `${text.slice(0, 40)} ${text.slice(40)}`)],
  ['a blank behind it', line(3, (text) => `${text} `)],
  ['a letter that is none', line(1, (text) => `${text.slice(0, 40)}*${text.slice(40)}`)],
  ['a byte order mark', line(1, (text) => `\ufeff${text}`)],
  ['something behind the end', (lines) => [...lines, 'more']],
  [
    'half a block behind the end',
    (lines) => [...lines.slice(0, 4), ...lines.slice(0, 2)],
  ],
];

story('a signature is spelt in a way that minisign does not', async (t, world) => {
  world.publish('1.1.0');
  const good = world.forge.read(signaturePath(sha256(world.forge.read(POINTER))));
  for (const [name, edit] of SPELLINGS) {
    world.forge.put(signaturePath(sha256(world.forge.read(POINTER))), good);
    respell(world, edit);
    t.comment(name);
    await refuses(t, world, { exit: 23, says: /signatures\/[0-9a-f]{64}\.minisig/ });
  }
  world.forge.put(signaturePath(sha256(world.forge.read(POINTER))), good);
  await installs(t, world, '1.1.0');
});

/** The order of the group, in which S is counted: RFC 8032, 5.1. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** R, and S + L: another signature of the same bytes, for who does not look how large S is. */
function malleated(signature: Uint8Array): Buffer {
  const copy = Buffer.from(signature);
  const reversed = Buffer.from(copy.subarray(32)).reverse();
  const more = BigInt(`0x${reversed.toString('hex')}`) + L;
  Buffer.from(more.toString(16).padStart(64, '0'), 'hex').reverse().copy(copy, 32);
  return copy;
}

story('S + L stands in a signature in the place of S', async (t, world) => {
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  const good = blockBy(world.forge.keys.channel, bytes);
  for (const part of ['signature', 'globalSignature'] as const) {
    const other = { ...good, [part]: malleated(good[part]) };
    putBlocks(world.forge, POINTER, bytes, [other]);
    await refuses(t, world, { exit: 20, says: /expected +1 of \[/ });
  }
  putBlocks(world.forge, POINTER, bytes, [good]);
  await installs(t, world, '1.1.0');
});

story('one key signs for two, once with S and once with S + L', async (t, world) => {
  const { channel } = world.forge.keys;
  const { pointer } = world.publish('1.1.0');
  const bytes = encodePointer({ ...pointer, root: 2 });
  const role = { keys: [channel.id, world.forge.keys.release.id], threshold: 2 };
  const roles = { ...world.forge.root.roles, channel: role };
  const second = withFields(world.forge.rootBytes, { version: 2, roles });
  putSigned(world.forge, rootPath(2), second, world.forge.keys.root);
  const good = blockBy(channel, bytes);
  const other = { ...good, signature: malleated(good.signature) };
  putBlocks(world.forge, POINTER, bytes, [good, other]);
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/, walksTo: 2 });
});

const JSONS: [name: string, edit: (text: string) => string | Buffer, says: RegExp][] = [
  [
    'a key that stands twice',
    (text) => text.replace('"serial"', '"serial": 1, "serial"'),
    /a key stands twice/,
  ],
  [
    'a key that stands twice, once with an escape',
    (text) => text.replace('"serial"', '"seri\\u0061l": 1, "serial"'),
    /a key stands twice/,
  ],
  ['a byte order mark', (text) => `\ufeff${text}`, /byte order mark/],
  ['a second document behind it', (text) => `${text}${text}`, /not JSON/],
  ['a null byte behind it', (text) => `${text}\0`, /not JSON/],
  [
    'bytes that are no UTF-8',
    (text) =>
      Buffer.concat([
        Buffer.from(text.trimEnd().slice(0, -1)),
        Buffer.from(',"x":"\xff"}', 'latin1'),
      ]),
    /not valid UTF-8/,
  ],
  [
    'a number that no double holds',
    (text) => text.replace('{', '{"x": 9007199254740993,'),
    /cannot be held exactly/,
  ],
];

story('a signed pointer can be read in two ways', async (t, world) => {
  const text = encodePointer(world.publish('1.1.0').pointer).toString();
  for (const [name, edit, says] of JSONS) {
    t.comment(name);
    putPointer(world.forge, Buffer.from(edit(text)), world.forge.keys.channel);
    await refuses(t, world, { exit: 23, says });
  }
});

story('a signed root can be read in two ways', async (t, world) => {
  world.publish('1.1.0');
  const text = withFields(world.forge.rootBytes, { version: 2 }).toString();
  for (const [name, edit, says] of JSONS) {
    t.comment(name);
    const bytes = Buffer.from(edit(text.replace('{', '{"serial": 1,')));
    putSigned(world.forge, rootPath(2), bytes, world.forge.keys.root);
    await refuses(t, world, { exit: 23, says });
  }
});

story('a signed manifest can be read in two ways', async (t, world) => {
  for (const [name, edit, says] of JSONS) {
    t.comment(name);
    const editManifest = (bytes: Buffer): Buffer =>
      Buffer.from(edit(bytes.toString().replace('{', '{"serial": 1,')));
    world.publish('1.1.0', { editManifest });
    await refuses(t, world, { exit: 23, says, learns: 'pointer' });
  }
});

story('a signature file says the same twice', async (t, world) => {
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  const good = blockBy(world.forge.keys.channel, bytes);
  world.forge.put(signaturePath(sha256(bytes)), encodeSignatures([good, good]));
  await installs(t, world, '1.1.0');
});
