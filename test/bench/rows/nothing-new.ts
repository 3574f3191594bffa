import path from 'node:path';
import { startNginx } from '../../support/nginx.ts';
import { programPath } from '../../support/process.ts';
import { makeHost } from '../../support/sandbox.ts';
import { writeScript } from '../inputs.ts';
import { ratioLine } from '../line.ts';
import { type Cost, PLAINLY, inTurn, measure } from '../measure.ts';
import { generateArgs, makePublisher } from '../publisher.ts';
import type { Place, Row } from '../row.ts';

/** What every tick of cron costs a host that is up to date. */
export const nothingNew: Row = {
  name: 'nothing-new',
  measure: async (place, scale) => {
    const { nginx, host } = await upToDateHost(place);
    const command = [
      process.execPath,
      programPath('qx-update'),
      '--root',
      host.dir,
      'run',
    ];
    nginx.clearLog();
    place.say('running both in turn');
    const { ours, theirs } = await inTurn(
      scale.runs,
      () => measure(PLAINLY, command),
      () => measure(PLAINLY, [process.execPath, '-e', '0']),
    );
    const requests = nginx.requests();
    const each = requests.length / scale.runs;
    const pointer = `${nginx.url}/channels/quantix-os/stable.json`;
    const bare = [process.execPath, '-e', LEAST, pointer, path.join(place.dir, 'lock')];
    const least = await inTurn(
      scale.runs,
      () => measure(PLAINLY, bare),
      () => measure(PLAINLY, [process.execPath, '-e', '0']),
    );
    const wall = (costs: Cost[]): number[] => costs.map(({ wallMs }) => wallMs);
    const cpu = (costs: Cost[]): number[] => costs.map(({ cpuMs }) => cpuMs);
    const bareNode = '`node -e 0`';
    const about = { work: '`run` with nothing new: wall time', against: bareNode };
    const same = { work: 'the same: CPU', against: bareNode };
    const apart = {
      work: 'bare Node.js that takes the lock, asks and verifies: CPU',
      against: bareNode,
    };
    return [
      ratioLine(about, wall(ours), wall(theirs), { below: 2 }),
      ratioLine(same, cpu(ours), cpu(theirs), undefined),
      {
        work: 'the same: requests in nginx’s log',
        against: '',
        measured: `${requests.length} of ${scale.runs} runs`,
        result: `${each}`,
        bar: '1',
        met: each === 1 && requests.every(({ status }) => status === 304),
      },
      ratioLine(apart, cpu(least.ours), cpu(least.theirs), undefined),
    ];
  },
};

/**
 * The least that a run could cost: what Node.js itself needs for a lock, one request that is answered by 304, and
 * one signature.
 */
const LEAST = `
const fs = require('node:fs');
const { spawnSync } = require('node:child_process');
const { createHash, generateKeyPairSync, sign, verify } = require('node:crypto');
const [, url, lock] = process.argv;
const stdio = ['ignore', 'ignore', 'ignore', fs.openSync(lock, 'w')];
if (spawnSync('flock', ['-n', '3'], { stdio }).status !== 0) process.exit(1);
const headers = { 'if-none-match': '*' };
require('node:http').get(url, { headers }, ({ statusCode }) => {
  const digest = createHash('blake2b512').update(url).digest();
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const good = verify(null, digest, publicKey, sign(null, digest, privateKey));
  process.exit(good && statusCode === 304 ? 0 : 1);
});`;

async function upToDateHost(place: Place) {
  const publisher = await makePublisher(path.join(place.dir, 'workspace'));
  const file = path.join(place.dir, 'program');
  writeScript(file, 100_000, 1);
  await publisher.cost(generateArgs('1.0.0', 'stable', { 'qx-node': file }));
  const nginx = await startNginx(place, publisher.public);
  const host = makeHost(path.join(place.dir, 'host'), {
    url: nginx.url,
    root: path.join(publisher.public, 'root/1.json'),
  });
  host.configure({ auto_apply: true });
  const { status, stderr } = await host.run(['run']);
  if (status !== 0) throw new Error(`the first run ended with ${status}:\n${stderr}`);
  return { nginx, host };
}
