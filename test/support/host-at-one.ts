import fs from 'node:fs';
import type { Test } from 'tap';
import type { Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { runAt } from './clocked.ts';
import { makeForge } from './forge.ts';
import { makeHost } from './sandbox.ts';

/** In the life of the pointers below; a Saturday. */
export const START = '2098-03-01T00:00:00Z';
export const LIFE = { issued: '2098-02-01T00:00:00Z', expires: '2098-09-01T00:00:00Z' };

export interface Refused {
  error: { exitCode: number; message: string; expected?: string; found?: string };
}

/** A host that runs 1.0.0 since START, and a publisher of 1.1.0 whose pointer says more than a version. */
export async function hostAtOne(t: Test, config: Record<string, unknown> = {}) {
  const dir = t.testdir();
  const forge = makeForge(`${dir}/tree`);
  const url = `file://${forge.dir}`;
  const host = makeHost(`${dir}/host`, { url, root: forge.rootBytes });
  const configure = (keys: Record<string, unknown>): void =>
    host.configure({ auto_apply: true, ...keys });
  configure({});
  forge.release({ version: '1.0.0', serial: 1, pointer: LIFE });
  t.equal((await runAt(host, START, ['run'])).status, 0);
  configure(config);
  let serial = 1;
  const publish = (pointer: Partial<Pointer>, manifest: Partial<Manifest> = {}) =>
    forge.release({
      version: '1.1.0',
      serial: (serial += 1),
      manifest: { release: 2, ...manifest },
      pointer: { ...LIFE, ...pointer },
    });
  const node = host.path('/data/bin/qx-node');
  const runs = (): string => /\d\.\d\.\d/.exec(fs.readFileSync(node, 'utf8'))?.[0] ?? '';
  return { host, forge, configure, publish, runs };
}
