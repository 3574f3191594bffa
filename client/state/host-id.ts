import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import { readIfThere, readOwnIfSound, writeDurably } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';

/** Who this host is, and the machine on which it became so. */
interface HostId {
  host_id: string;
  /** Of the firmware; empty where there is none. */
  machine: string;
  /** Addresses of its network cards. */
  cards: string[];
}

const BYTES_MAX = 64 * 1024;
const CARDS_MAX = 64;
const ID = /^[0-9a-f]{32}$/;

type Where = Pick<Config, 'hostIdFile' | 'root'>;

/**
 * 32 hexadecimal digits, made once. A disk that was copied into another machine gets new ones: two hosts of
 * one id would always be the same part of a fleet.
 */
export async function hostId(fx: Effects, { hostIdFile, root }: Where): Promise<string> {
  const stored = await readHostId(fx, hostIdFile);
  const here = await machineOf(fx, root);
  if (stored !== null && !isElsewhere(stored, here)) return stored.host_id;
  const fresh: HostId = { host_id: fx.random.bytes(16).toString('hex'), ...here };
  await fx.files.makeDirectory(hostIdFile.slice(0, hostIdFile.lastIndexOf('/')), 0o755);
  await writeDurably(fx.files, hostIdFile, Buffer.from(`${JSON.stringify(fresh)}\n`));
  return fresh.host_id;
}

async function readHostId(fx: Effects, path: string): Promise<HostId | null> {
  const bytes = await readOwnIfSound(fx.files, path, BYTES_MAX);
  try {
    const { host_id, machine, cards } = JSON.parse(String(bytes)) as HostId;
    const whole = ID.test(host_id) && typeof machine === 'string' && Array.isArray(cards);
    return whole ? { host_id, machine, cards } : null;
  } catch {
    // Nobody's doing but a failing disk's; the next id is as good as this one was.
    return null;
  }
}

type Machine = Omit<HostId, 'host_id'>;

/** Another firmware, or not one card that was there before; a new card alone makes no other host. */
function isElsewhere(stored: Machine, here: Machine): boolean {
  const { machine, cards } = stored;
  if (machine !== '' && here.machine !== '') return machine !== here.machine;
  if (cards.length === 0 || here.cards.length === 0) return false;
  return !cards.some((card) => here.cards.includes(card));
}

async function machineOf(fx: Effects, root: string): Promise<Machine> {
  const read = (path: string): Promise<string> => readWord(fx, belowRoot(root, path));
  const net = belowRoot(root, '/sys/class/net');
  const names = await fx.files.list(net).catch(() => []);
  const cards: string[] = [];
  for (const name of names.slice(0, CARDS_MAX)) {
    // Bridges and the ends of guests come and go, and have no device.
    if ((await fx.files.info(`${net}/${name}/device`).catch(() => null)) === null)
      continue;
    cards.push(await read(`/sys/class/net/${name}/address`));
  }
  return { machine: await read('/sys/class/dmi/id/product_uuid'), cards };
}

async function readWord({ files }: Effects, path: string): Promise<string> {
  const bytes = await readIfThere(files, path, BYTES_MAX).catch(() => null);
  return bytes === null ? '' : bytes.toString('utf8').trim();
}
