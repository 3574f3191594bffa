import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Way, openFolder, testWay } from './ways.ts';

const WAYS: Record<string, Way> = {
  rsync: {
    script: 'publish-rsync.sh',
    needs: ['rsync', 'nginx'],
    step: 'rsync',
    publications: 50,
    open: openFolder,
  },
  'plain copy': {
    script: 'publish-copy.sh',
    needs: ['nginx'],
    step: 'mv',
    publications: 50,
    open: openFolder,
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  t.test(`publishing by ${name}`, needs(...way.needs), (t) => testWay(t, way));
}
