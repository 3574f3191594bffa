import { nodeEffects } from '../../client/effects/node.ts';
import type { Root } from '../../client/format/root.ts';
import { objectPath } from '../../client/format/tree.ts';
import { readManifest } from '../../client/reader/manifest.ts';
import { openSource } from '../../client/reader/open-source.ts';
import { fetchPointer, readSignedPointer } from '../../client/reader/pointer.ts';
import { sha256Hex } from '../../client/reader/signatures.ts';
import type { Source } from '../../client/reader/source.ts';
import { sourceSettings } from './web.ts';

export interface Polled {
  /** Times that a whole release was read. */
  reads: number;
  /** Serials in the order in which one client or another first saw them. */
  serials: number[];
  /** What a host would have said instead of going on. */
  errors: string[];
}

const OBJECT_BYTES_MAX = 1 << 20;
const PAUSE_MS = 3;

/** Hosts that ask again every few milliseconds, pointer to last object, with the client's own reader. */
export function pollRelease(
  url: string,
  root: Root,
  hosts: number,
): { stop(): Promise<Polled> } {
  const polled: Polled = { reads: 0, serials: [], errors: [] };
  const state = { stopped: false };
  const source = openSource(nodeEffects({}), url, sourceSettings());
  const host = async (): Promise<void> => {
    let last = 0;
    while (!state.stopped) {
      try {
        const serial = await readRelease(source, root);
        if (serial < last) polled.errors.push(`serial ${serial} after ${last}`);
        if (!polled.serials.includes(serial)) polled.serials.push(serial);
        last = serial;
        polled.reads += 1;
      } catch (error) {
        polled.errors.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  const all = Array.from({ length: hosts }, host);
  return {
    stop: async () => {
      state.stopped = true;
      await Promise.all(all);
      return polled;
    },
  };
}

async function readRelease(source: Source, root: Root): Promise<number> {
  const { repository } = root;
  const want = { repository, product: 'quantix-os', channel: 'stable' };
  const found = await fetchPointer(source, want, {});
  if (found.status !== 'found') throw new Error('a pointer that nobody asked about');
  const { pointer } = await readSignedPointer(source, root, want, found);
  const { version, serial, manifests } = pointer;
  const descriptor = manifests.any ?? { sha256: '', size: 0 };
  const wanted = { repository, product: want.product, version, arch: 'any' };
  const { manifest } = await readManifest(source, root, descriptor, wanted);
  for (const { sources } of manifest.components) {
    for (const { sha256 } of sources) {
      const object = await source.get(objectPath(sha256), { maxBytes: OBJECT_BYTES_MAX });
      const digest = object.status === 'found' ? sha256Hex(object.bytes) : 'nothing';
      if (digest !== sha256) throw new Error(`object ${sha256} is ${digest}`);
    }
  }
  return serial;
}
