import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import { hostId } from '../../../client/state/host-id.ts';

/** A machine in a folder: its firmware's id and its network cards. */
function machine(root: string, uuid: string, ...cards: string[]): void {
  fs.rmSync(path.join(root, 'sys'), { recursive: true, force: true });
  const put = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  };
  if (uuid !== '') put('sys/class/dmi/id/product_uuid', `${uuid}\n`);
  for (const [index, card] of cards.entries()) {
    put(`sys/class/net/eth${index}/address`, `${card}\n`);
    put(`sys/class/net/eth${index}/device/vendor`, '0x8086\n');
  }
  // A bridge: no device, another address at each start.
  put('sys/class/net/br0/address', `${fs.readdirSync(root).length}${uuid}\n`);
}

const A = '52:54:00:00:00:0a';
const B = '52:54:00:00:00:0b';

function asking(root: string): () => Promise<string> {
  const hostIdFile = path.join(root, 'quantix/host-id.json');
  return () => hostId(nodeEffects({}), { hostIdFile, root });
}

const folders = (dir: string) => ({
  root: path.join(dir, 'a'),
  other: path.join(dir, 'b'),
});

t.test('a host gets its id once, whatever runs on it', async (t) => {
  const { root, other } = folders(t.testdir());
  const ask = asking(root);
  machine(root, 'uuid-1', A, B);
  const id = await ask();
  t.match(id, /^[0-9a-f]{32}$/);
  t.equal(await ask(), id);
  t.not(await asking(other)(), id, 'another host has another one');
  const file = path.join(root, 'quantix/host-id.json');
  t.match(JSON.parse(fs.readFileSync(file, 'utf8')), {
    host_id: id,
    machine: 'uuid-1',
    cards: [A, B],
  });
});

t.test('a disk in another machine is another host; a new card is not', async (t) => {
  const rows: [name: string, then: string[], now: string[], same: boolean][] = [
    ['another firmware', ['uuid-1', A], ['uuid-2', A], false],
    ['the same firmware, another card', ['uuid-1', A], ['uuid-1', B], true],
    ['no firmware id, one card replaced', ['', A, B], ['', B], true],
    ['no firmware id, no card of before', ['', A], ['', B], false],
    ['a machine that says nothing', ['uuid-1', A], [''], true],
  ];
  for (const [name, then, now, same] of rows) {
    const root = t.testdir();
    const ask = asking(root);
    const [first = '', ...cards] = then;
    machine(root, first, ...cards);
    const id = await ask();
    const [second = '', ...others] = now;
    machine(root, second, ...others);
    const next = await ask();
    t.equal(next === id, same, name);
    t.equal(await ask(), next, `${name}, and so it stays`);
  }
});

t.test('a file that is torn is written anew', async (t) => {
  for (const torn of [
    '',
    '{"host_id":',
    'null',
    '{"host_id":"1","machine":"","cards":[]}',
  ]) {
    const root = t.testdir({ quantix: { 'host-id.json': torn } });
    const ask = asking(root);
    const id = await ask();
    t.match(id, /^[0-9a-f]{32}$/);
    t.equal(await ask(), id);
  }
});
