import net, { type AddressInfo } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import { type Chance, mutate } from './seeded.ts';

/** A wire between a client and a web server on which things happen, as a seed decides. */
export interface FaultyProxy {
  /** In the place of the web server's. */
  url: string;
  /** From now on so many of a hundred requests meet a fault; the connections of before are closed. */
  disturb(percent: number, chance: Chance): void;
  /** Requests since then, and what happened to some of them: "cut /root/2.json". */
  requests(): number;
  faults(): string[];
}

/** One reply on its way. */
interface Reply {
  client: net.Socket;
  bytes: Buffer;
  /** What was answered to other requests before. */
  others: Buffer[];
  chance: Chance;
}

type Fault = (reply: Reply) => void | Promise<void>;

const FAULTS: Record<string, Fault> = {
  cut: ({ client, bytes, chance }) => {
    client.end(bytes.subarray(0, chance.below(bytes.length)));
  },
  reset: ({ client, bytes, chance }) => {
    client.write(bytes.subarray(0, chance.below(bytes.length)), () =>
      client.resetAndDestroy(),
    );
  },
  delay: async ({ client, bytes, chance }) => {
    await setTimeout(chance.below(20));
    client.write(bytes);
  },
  trickle: async ({ client, bytes }) => {
    const step = Math.ceil(bytes.length / 50);
    for (let at = 0; at < bytes.length; at += step) {
      client.write(bytes.subarray(at, at + step));
      await setImmediate();
    }
  },
  /** The second one may be taken for the answer to what is asked next on this connection. */
  twice: ({ client, bytes }) => {
    client.write(Buffer.concat([bytes, bytes]));
  },
  /** Status, headers or body. Where the length is wrong now, nothing more comes. */
  change: ({ client, bytes, chance }) => {
    client.end(mutate(bytes, chance));
  },
  /** Of the body alone, and so that HTTP sees nothing of it. */
  flip: ({ client, bytes, chance }) => {
    const copy = Buffer.from(bytes);
    const body = copy.indexOf('\r\n\r\n') + 4;
    const at = body + chance.below(Math.max(1, copy.length - body));
    if (at < copy.length)
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << chance.below(8)), at);
    client.write(copy);
  },
  other: ({ client, bytes, others, chance }) => {
    client.write(others[chance.below(others.length)] ?? bytes);
  },
};

/** Nothing more comes, and the connection stays: costs the client's patience, and is therefore rare. */
const hang: Fault = ({ client, bytes, chance }) => {
  client.write(bytes.subarray(0, chance.below(bytes.length)));
};
const HANGS_ONE_IN = 50;

function someFault(chance: Chance): [string, Fault] {
  if (chance.below(HANGS_ONE_IN) === 0) return ['hang', hang];
  const all = Object.entries(FAULTS);
  return all[chance.below(all.length)] ?? ['hang', hang];
}

/** In front of the server at `port` of this machine; ends with the test. */
export async function startFaultyProxy(t: Test, port: number): Promise<FaultyProxy> {
  const wire = {
    percent: 0,
    requests: 0,
    faults: [] as string[],
    others: [] as Buffer[],
  };
  let chance: Chance = { below: () => 0, bytes: (count) => Buffer.alloc(count) };
  const clients = new Set<net.Socket>();
  const answer = async (client: net.Socket, head: Buffer): Promise<void> => {
    const bytes = await askServer(port, head);
    const { others } = wire;
    wire.requests += 1;
    wire.others = [...others, bytes].slice(-20);
    if (client.destroyed) return;
    if (chance.below(100) >= wire.percent) return void client.write(bytes);
    const [name, fault] = someFault(chance);
    wire.faults.push(`${name} ${/ (\S+)/.exec(head.toString('latin1'))?.[1] ?? ''}`);
    await fault({ client, bytes, others, chance });
  };
  const server = net.createServer((client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client)).on('error', () => undefined);
    onRequest(client, (head) => answer(client, head));
  });
  const closeAll = (): void => clients.forEach((client) => void client.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    closeAll();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => wire.requests,
    faults: () => wire.faults,
    disturb: (percent, by) => {
      closeAll();
      chance = by;
      Object.assign(wire, { percent, requests: 0, faults: [], others: [] });
    },
  };
}

/** Each request of a connection, one after the other; those of this client have no body. */
function onRequest(client: net.Socket, answer: (head: Buffer) => Promise<void>): void {
  let pending: Buffer = Buffer.alloc(0);
  let before = Promise.resolve();
  client.on('data', (piece: Buffer) => {
    pending = Buffer.concat([pending, piece]);
    for (;;) {
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = pending.subarray(0, end);
      pending = pending.subarray(end + 4);
      before = before.then(() => answer(head)).catch(() => void client.destroy());
    }
  });
}

/** The whole reply, as it would look on a connection that goes on. */
async function askServer(port: number, head: Buffer): Promise<Buffer> {
  const socket = net.connect(port, '127.0.0.1');
  const asked = head.toString('latin1').replace(/^connection:.*\r\n/im, '');
  socket.write(`${asked}\r\nConnection: close\r\n\r\n`, 'latin1');
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  const body = bytes.indexOf('\r\n\r\n');
  const start = bytes.toString('latin1', 0, body).replace(/\r\nconnection: close/i, '');
  return Buffer.concat([Buffer.from(start, 'latin1'), bytes.subarray(body)]);
}
