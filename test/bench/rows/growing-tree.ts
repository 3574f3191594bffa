import path from 'node:path';
import { writeScript } from '../inputs.ts';
import { ratioLine, seconds } from '../line.ts';
import { type Cost, inTurn } from '../measure.ts';
import { type Publisher, generateArgs, makePublisher } from '../publisher.ts';
import type { Line, Place, Row, Scale } from '../row.ts';

const COMPONENTS = ['qx-node', 'qx-console', 'agent'];
const COMPONENT_BYTES = 60_000;
const VERIFY_MINUTES_MAX = 5;

/** Does a release cost the same, whatever the number of releases that stand in the tree already? */
export const growingTree: Row = {
  name: 'growing-tree',
  measure: async (place, scale) => {
    const young = await growTo(place, 'young', scale.young - 1);
    const old = await growTo(place, 'old', scale.old - 1);
    place.say('generating in both in turn');
    const { ours, theirs } = await inTurn(scale.generates, old.generate, young.generate);
    const about = {
      work: `\`generate\`, release ${scale.old} of a tree`,
      against: `release ${scale.young}`,
    };
    const wall = (costs: Cost[]): number[] => costs.map(({ wallMs }) => wallMs);
    const cpu = (costs: Cost[]): number[] => costs.map(({ cpuMs }) => cpuMs);
    return [
      ratioLine(
        { ...about, work: `${about.work}: wall time` },
        wall(ours),
        wall(theirs),
        BAR,
      ),
      ratioLine({ ...about, work: `${about.work}: CPU` }, cpu(ours), cpu(theirs), BAR),
      await verifyLine(place, scale, old.publisher),
    ];
  },
};

const BAR = { atMost: 1.2 };

interface GrowingTree {
  publisher: Publisher;
  /** One more release, all of its components new. Compressed lightly, so that this does not hide the rest. */
  generate: () => Promise<Cost>;
}

async function growTo(
  place: Place,
  name: string,
  releases: number,
): Promise<GrowingTree> {
  const publisher = await makePublisher(path.join(place.dir, name));
  let release = 0;
  const generate = (): Promise<Cost> => {
    release += 1;
    return publisher.cost([
      ...generateArgs(`1.0.${release}`, 'dev', newBuild(place, release)),
      '--fast',
    ]);
  };
  place.say(`making a tree of ${releases} releases`);
  while (release < releases) await generate();
  return { publisher, generate };
}

function newBuild(place: Place, release: number): Record<string, string> {
  const files = COMPONENTS.map((name, at) => {
    const file = path.join(place.dir, name);
    writeScript(file, COMPONENT_BYTES, release * COMPONENTS.length + at);
    return [name, file];
  });
  return Object.fromEntries(files) as Record<string, string>;
}

async function verifyLine(
  place: Place,
  { old }: Scale,
  { cost }: Publisher,
): Promise<Line> {
  place.say('verifying the whole tree');
  const { wallMs } = await cost(['verify']);
  return {
    work: `\`verify\` of ${old} releases: wall time`,
    against: '',
    measured: seconds(wallMs),
    result: seconds(wallMs),
    bar: `< ${VERIFY_MINUTES_MAX} min`,
    met: wallMs < VERIFY_MINUTES_MAX * 60_000,
  };
}
