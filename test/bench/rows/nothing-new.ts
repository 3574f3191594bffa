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
    const about = { work: '`run` with nothing new: wall time', against: '`node -e 0`' };
    const wall = (costs: Cost[]): number[] => costs.map(({ wallMs }) => wallMs);
    return [
      ratioLine(about, wall(ours), wall(theirs), { below: 2 }),
      {
        work: 'the same: requests in nginx’s log',
        against: '',
        measured: `${requests.length} of ${scale.runs} runs`,
        result: `${each}`,
        bar: '1',
        met: each === 1 && requests.every(({ status }) => status === 304),
      },
    ];
  },
};

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
