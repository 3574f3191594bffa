import path from 'node:path';
import { startNginx } from '../../support/nginx.ts';
import { programPath } from '../../support/process.ts';
import { makeHost } from '../../support/sandbox.ts';
import { writeNoise, writeScript } from '../inputs.ts';
import { ratioLine } from '../line.ts';
import { type Cost, PLAINLY, measure } from '../measure.ts';
import { generateArgs, makePublisher } from '../publisher.ts';
import type { Place, Row } from '../row.ts';

const ALONE = 5;

/** A fleet that wakes at once and installs its first release from one nginx. */
export const manyClients: Row = {
  name: 'many-clients',
  measure: async (place, { clients }) => {
    const tree = await publishTwo(place);
    const nginx = await startNginx(place, tree);
    const install = (name: string): Promise<Cost> =>
      installCold(place, name, nginx.url, tree);
    const alone: Cost[] = [];
    for (let at = 0; at < ALONE; at += 1) alone.push(await install(`alone-${at}`));
    place.say(`starting ${clients} clients`);
    const names = Array.from({ length: clients }, (_, at) => `host-${at}`);
    const ended = await Promise.allSettled(names.map(install));
    const good = ended.flatMap((each) =>
      each.status === 'fulfilled' ? [each.value] : [],
    );
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed !== undefined) place.say(String(failed.reason));
    const cpu = (costs: Cost[]): number[] => costs.map(({ cpuMs }) => cpuMs);
    const about = { work: 'the same: CPU of a client', against: 'of one that is alone' };
    return [
      {
        work: `${clients} clients at once on one nginx, cold: installed`,
        against: '',
        measured: `${good.length} of ${clients}`,
        result: `${good.length}`,
        bar: `${clients}`,
        met: good.length === clients,
      },
      ratioLine(about, cpu(good), cpu(alone), undefined),
    ];
  },
};

async function publishTwo(place: Place): Promise<string> {
  const publisher = await makePublisher(path.join(place.dir, 'workspace'));
  const [node, console] = ['qx-node', 'qx-console'].map((name) =>
    path.join(place.dir, name),
  ) as [string, string];
  writeNoise(node, 1e6, 1);
  writeScript(console, 1e6, 1);
  const components = { 'qx-node': node, 'qx-console': console };
  await publisher.cost([...generateArgs('1.0.0', 'stable', components), '--fast']);
  return publisher.public;
}

async function installCold(
  place: Place,
  name: string,
  url: string,
  tree: string,
): Promise<Cost> {
  const dir = path.join(place.dir, name);
  const host = makeHost(dir, { url, root: path.join(tree, 'root/1.json') });
  host.configure({ auto_apply: true });
  const cost = await measure(PLAINLY, [
    ...[process.execPath, programPath('qx-update'), '--root', dir, 'run'],
  ]);
  const { stdout } = await host.run(['current', '--json']);
  if (!stdout.includes('1.0.0')) throw new Error(`${name} has not installed: ${stdout}`);
  return cost;
}
