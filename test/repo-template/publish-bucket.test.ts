import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Way, openBucket, testWay } from './ways.ts';

const WAYS: Record<string, Way> = {
  rclone: {
    script: 'publish-s3.sh',
    needs: ['rclone'],
    step: 'rclone',
    publications: 10,
    open: (t) => openBucket(t, 'rclone'),
  },
  aws: {
    script: 'publish-s3.sh',
    needs: ['aws'],
    step: 'aws',
    publications: 1,
    stride: 4,
    open: (t) => openBucket(t, 'aws'),
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  t.test(`publishing by ${name}`, needs(...way.needs), (t) => testWay(t, way));
}
