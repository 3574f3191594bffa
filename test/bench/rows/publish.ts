import path from 'node:path';
import { writeProgram } from '../inputs.ts';
import { megabytes, ratioLine } from '../line.ts';
import { PLAINLY, measure } from '../measure.ts';
import { generateArgs, makePublisher } from '../publisher.ts';
import type { Row } from '../row.ts';

/** Where in node's binary each component begins. */
const STARTS = [0.1, 0.5, 1];

/** Once each: either side takes minutes, over which the noise of the machine evens out. */
export const publish: Row = {
  name: 'publish',
  measure: async (place, { publishBytes }) => {
    const files = publishBytes.map((bytes, at) => {
      const file = path.join(place.dir, `component-${at}`);
      writeProgram(file, bytes, STARTS[at] ?? 0);
      return file;
    });
    const publisher = await makePublisher(path.join(place.dir, 'workspace'));
    const components = Object.fromEntries(
      files.map((file, at) => [`component-${at}`, file]),
    );
    place.say('publishing');
    const ours = await publisher.cost(generateArgs('1.0.0', 'stable', components));
    place.say('compressing with brotli');
    const theirs = await measure(PLAINLY, ['brotli', '-q', '11', '-k', '-f', ...files]);
    const sizes = publishBytes.map(megabytes).join(', ');
    const about = {
      work: `publish components of ${sizes}, default compression, 2 cores: wall time`,
      against: '`brotli -q 11` of the same bytes, 1 core',
    };
    return [ratioLine(about, [ours.wallMs], [theirs.wallMs], { below: 0.75 })];
  },
};
