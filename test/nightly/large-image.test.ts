import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { makeForge, sha256 } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { programPath, run } from '../support/process.ts';
import { makeHost } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';
import { about, squashfs } from '../support/slot-image.ts';
import {
  devicePath,
  layOutSlots,
  publishImage,
  SLOT_SIZE_FILES,
  slotStart,
} from '../support/slot-host.ts';

const MB = 1_000_000;
const PRELOAD = path.join(ROOT, 'test/support/peak-memory.cjs');
const SAYS = { layout: 'A', arch: 'x86_64', compatible: 'quantix-os', version: '1.0.0' };

t.setTimeout(1_800_000);

t.test(
  'a system image passes in the same memory, whatever its size',
  needs('nginx'),
  async (t) => {
    const peaks: number[] = [];
    for (const size of [50 * MB, 500 * MB]) {
      const dir = t.testdir({ tree: {}, host: {} });
      const forge = makeForge(`${dir}/tree`);
      const noise = randomBytes(Math.ceil(size / 4096) * 4096);
      const image = Buffer.concat([squashfs(), noise, about(SAYS)]);
      publishImage(forge, { version: '1.0.0', serial: 1, image });
      const nginx = await startNginx(t, forge.dir);
      const host = makeHost(`${dir}/host`, { url: nginx.url, root: forge.rootBytes });
      layOutSlots(host.dir);
      fs.truncateSync(devicePath(host.dir, 'B'), image.length);
      for (const file of SLOT_SIZE_FILES)
        fs.writeFileSync(host.path(file), `${image.length / 512}\n`);
      const peak = `${dir}/peak`;
      const env = { NODE_OPTIONS: `--require=${PRELOAD}`, QX_PEAK_MEMORY: peak };
      // By a shell: Linux hands the high-water mark of whoever starts a program on to it, and this one holds the image.
      const words = ['sh', programPath('qx-update'), '--root', host.dir, 'apply'];
      const options = { env, timeoutMs: 900_000 };
      const applied = await run('sh', ['-c', '"$@"; exit $?', ...words], options);
      t.equal(applied.status, 0, applied.stderr);
      t.equal(sha256(slotStart(host.dir, 'B', image.length)), sha256(image));
      peaks.push((Number(fs.readFileSync(peak, 'utf8')) * 1024) / MB);
    }
    const [small = 0, large = 0] = peaks;
    t.comment(`50 MB: ${small.toFixed(0)} MB of memory, 500 MB: ${large.toFixed(0)} MB`);
    t.ok(large < 150, `below 150 MB: ${large}`);
    // Ten times the bytes; what a collector leaves lying for a while is some megabytes on a busy machine.
    t.ok(large < small * 1.25, `the same but for the collector: ${small} and ${large}`);
  },
);
