import fs from 'node:fs';
import path from 'node:path';
import { startNginx } from '../../support/nginx.ts';
import { programPath } from '../../support/process.ts';
import { type Host, makeHost } from '../../support/sandbox.ts';
import { ROOT } from '../../support/setup.mjs';
import { writeNoise } from '../inputs.ts';
import { megabytes, ratioLine } from '../line.ts';
import { type Cost, PLAINLY, inTurn, measure, median } from '../measure.ts';
import { generateArgs, makePublisher } from '../publisher.ts';
import type { Line, Place, Row, Scale } from '../row.ts';

const PIPE = 'curl -sSf "$1" | tee "$2" | openssl dgst -sha256 -r';
const PIPE_SHOWN = '`curl | tee file | openssl dgst -sha256`';
const PRELOAD = path.join(ROOT, 'test/support/peak-memory.cjs');

/** From nginx on loopback to a file on disk, verified. */
export const download: Row = {
  name: 'download',
  measure: async (place, scale) => {
    const published = await publishNoise(place, scale);
    const nginx = await startNginx(place, published.tree);
    const host = makeHost(path.join(place.dir, 'host'), {
      url: nginx.url,
      root: path.join(published.tree, 'root/1.json'),
    });
    const file = path.join(place.dir, 'file');
    const { large, small } = published;
    place.say('downloading with both in turn');
    const { ours, theirs } = await inTurn(
      scale.downloads,
      () => downloadOnce(host, 'large', large),
      () => pipeOnce(`${nginx.url}${large.path}`, file, large),
    );
    place.say('downloading the small one');
    const smalls: Downloaded[] = [];
    for (let time = 0; time < scale.downloads; time += 1)
      smalls.push(await downloadOnce(host, 'small', small));
    return [cpuLine(scale, ours, theirs), ...memoryLines(scale, ours, smalls)];
  },
};

interface Published {
  sha256: string;
  bytes: number;
  /** Of the object, in the tree. */
  path: string;
}

/** A channel with one large object and another with a small one. */
async function publishNoise(place: Place, scale: Scale) {
  const publisher = await makePublisher(path.join(place.dir, 'workspace'));
  const publish = async (
    channel: string,
    bytes: number,
    seed: number,
  ): Promise<Published> => {
    const file = path.join(place.dir, channel);
    writeNoise(file, bytes, seed);
    place.say(`publishing ${megabytes(bytes)}`);
    await publisher.cost(generateArgs(`${seed}.0.0`, channel, { 'qx-node': file }));
    fs.rmSync(file);
    return objectOf(publisher.public, bytes);
  };
  const large = await publish('large', scale.largeBytes, 1);
  const small = await publish('small', scale.smallBytes, 2);
  return { tree: publisher.public, large, small };
}

function objectOf(tree: string, bytes: number): Published {
  const names = fs.readdirSync(path.join(tree, 'objects'), {
    recursive: true,
    encoding: 'utf8',
  });
  const found = names.filter(
    (name) => fs.statSync(path.join(tree, 'objects', name)).size === bytes,
  );
  const [name] = found;
  if (name === undefined) throw new Error(`no object of ${bytes} bytes`);
  return { sha256: path.basename(name), bytes, path: `objects/${name}` };
}

interface Downloaded extends Cost {
  peakBytes: number;
}

async function downloadOnce(
  host: Host,
  channel: string,
  object: Published,
): Promise<Downloaded> {
  fs.rmSync(host.path('/data'), { recursive: true, force: true });
  host.configure({ channel });
  const peak = path.join(host.dir, 'peak');
  const command = [
    process.execPath,
    programPath('qx-update'),
    '--root',
    host.dir,
    'download',
  ];
  const cost = await measure(PLAINLY, command, {
    env: { NODE_OPTIONS: `--require=${PRELOAD}`, QX_PEAK_MEMORY: peak },
  });
  const staged = host.path(`/data/components/staging/${object.sha256}`);
  if (fs.statSync(staged).size !== object.bytes) throw new Error(`${staged}: not whole`);
  return { ...cost, peakBytes: Number(fs.readFileSync(peak, 'utf8')) * 1024 };
}

async function pipeOnce(url: string, file: string, object: Published): Promise<Cost> {
  fs.rmSync(file, { force: true });
  const cost = await measure(PIPE, [url, file]);
  if (!cost.stdout.startsWith(object.sha256)) throw new Error(`curl got ${cost.stdout}`);
  return cost;
}

function cpuLine({ largeBytes }: Scale, ours: Cost[], theirs: Cost[]): Line {
  const cpu = (costs: Cost[]): number[] => costs.map(({ cpuMs }) => cpuMs);
  const about = {
    work: `download + verify + write ${megabytes(largeBytes)} to disk: CPU of the client`,
    against: PIPE_SHOWN,
  };
  return ratioLine(about, cpu(ours), cpu(theirs), { atMost: 1.4 });
}

function memoryLines(
  { largeBytes, smallBytes }: Scale,
  large: Downloaded[],
  small: Downloaded[],
): Line[] {
  const peak = (all: Downloaded[]): number =>
    median(all.map(({ peakBytes }) => peakBytes));
  const [most, least] = [peak(large), peak(small)];
  const growth = most / least;
  return [
    {
      work: `the same: memory at its highest`,
      against: '',
      measured: megabytes(most),
      result: megabytes(most),
      bar: '< 120 MB',
      met: most < 120e6,
    },
    {
      work: `the same for ${megabytes(largeBytes)}`,
      against: `for ${megabytes(smallBytes)}`,
      measured: `${megabytes(most)} : ${megabytes(least)}`,
      result: growth.toFixed(2),
      bar: '0.90 – 1.10',
      met: growth >= 0.9 && growth <= 1.1,
    },
  ];
}
