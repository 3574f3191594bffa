import type {
  Effects,
  Listening,
  ListenOptions,
  Served,
  ServedReply,
} from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import type { Output } from '../terminal/output.ts';
import type { Certificate } from './certificate.ts';
import type { ServeSettings } from './settings.ts';

const CONNECTIONS_MAX = 256;
/** Linux has no room for more, and Node cuts off what is longer. */
const SOCKET_PATH_BYTES_MAX = 107;

type Answer = (request: Served) => Promise<ServedReply>;

/** Where this host is asked: https, a unix socket, or both. */
export interface Listeners {
  addresses(): string[];
  /**
   * Opens what is new before it closes what is left; what cannot be opened leaves all as it is. Where there is a
   * socket, https that cannot be had is trouble and no end: a node agent may have the port.
   */
  change(settings: ServeSettings, certificate: Certificate | null): Promise<void>;
  close(): Promise<void>;
}

export function openListeners(
  fx: Effects,
  answer: Answer,
  onTrouble: (error: unknown) => void,
): Listeners {
  const open = new Map<string, Listening>();
  const close = async (key: string): Promise<void> => {
    await open.get(key)?.close();
    open.delete(key);
  };
  const openOne = async (key: string, { at, tls, mode }: Wanted): Promise<void> => {
    if ('path' in at) await makeWay(fx, at.path);
    const options = { at, tls, connectionsMax: CONNECTIONS_MAX };
    open.set(key, await fx.server.listen(options, answer));
    if ('path' in at) await fx.files.setMode(at.path, mode);
  };
  return {
    addresses: () => [...open.values()].map(({ address }) => address),
    change: async (settings, certificate) => {
      const wanted = wantedOf(settings, certificate);
      const fresh = [...wanted].filter(([key]) => !open.has(key));
      for (const [key, { tls }] of wanted)
        if (tls !== undefined) open.get(key)?.setCertificate(tls);
      try {
        for (const [key, each] of fresh) {
          const opening = openOne(key, each);
          const mayFail = each.tls !== undefined && settings.socket !== null;
          await (mayFail ? opening.catch(onTrouble) : opening);
        }
      } catch (error) {
        for (const [key] of fresh) await close(key);
        throw error;
      }
      for (const key of [...open.keys()]) if (!wanted.has(key)) await close(key);
    },
    close: async () => {
      for (const key of [...open.keys()]) await close(key);
    },
  };
}

type Wanted = Pick<ListenOptions, 'at' | 'tls'> & { mode: number };

function wantedOf(
  { listen, socket }: ServeSettings,
  certificate: Certificate | null,
): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  if (listen !== null && certificate !== null) {
    const key = `${listen.host} ${listen.port}`;
    wanted.set(key, { at: listen, tls: certificate, mode: 0 });
  }
  if (socket !== null) {
    const { path, mode } = socket;
    wanted.set(`${path} ${mode}`, { at: { path }, tls: undefined, mode });
  }
  return wanted;
}

/** A socket that a killed `serve` has left is taken away; nothing else is. */
async function makeWay({ files }: Effects, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new QxError('config', 'the path of the socket is too long', {
      where: path,
      expected: `${SOCKET_PATH_BYTES_MAX} bytes at the most`,
    });
  }
  await files.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/', 0o755);
  const info = await files.info(path);
  if (info === null) return;
  if (info.type === 'other') await files.remove(path);
  else
    throw new QxError('config', 'there is something else at the socket', { where: path });
}

/** What is said once it is ready. */
export function tellAddresses(out: Output, addresses: readonly string[]): void {
  for (const address of addresses)
    out.event({ listening: address }, () => `listening: ${address}`);
}
