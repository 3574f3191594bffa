import t from 'tap';
import type { Pointer } from '../../../client/format/pointer.ts';
import { admits } from '../../../client/policy/release-policy.ts';
import { nextStone, type SteppingStone } from '../../../client/policy/via.ts';

const stone = (version: string, range: string): SteppingStone => ({
  ...{ version, release: 1, for: range },
  manifests: { any: { sha256: 'ab'.repeat(32), size: 1 } },
});

const POINTER: Pick<Pointer, 'version' | 'via'> = {
  version: '3.0.0',
  via: [
    stone('2.0.0', '<2.0.0'),
    stone('1.5.0', '<1.5.0'),
    stone('2.5.0', '>=2.0.0 <2.1.0'),
    stone('3.0.0', '2.9.0'),
    stone('9.0.0', '*'),
    stone('0.1.0', '*'),
  ],
};

t.test(
  'the lowest stone that is for a host is the next one, and none leads elsewhere',
  (t) => {
    const ways: [installed: string | undefined, next: string | null, why: string][] = [
      ['1.0.0', '1.5.0', 'two are for it: the lower one, wherever it stands'],
      ['1.5.0', '2.0.0', 'then the next'],
      ['2.0.0', '2.5.0', 'a range with two ends'],
      ['2.1.0', null, 'straight to the release'],
      ['2.9.0', null, 'the release itself is no stone'],
      ['3.0.0', null, 'it is there'],
      ['4.0.0', null, 'no stone leads back'],
      ['1.5.0-dev.3', '1.5.0', 'a pre-release is below its version'],
      ['2.0.1-dev.1', '2.5.0', 'and inside of a range as its number says'],
      [undefined, null, 'nobody knows what runs here'],
    ];
    for (const [installed, next, why] of ways)
      t.equal(
        nextStone(POINTER, installed)?.version ?? null,
        next,
        `${installed}: ${why}`,
      );
    t.equal(nextStone({ version: '3.0.0' }, '1.0.0'), null, 'a pointer without any');
    t.end();
  },
);

t.test('min_version is the lowest that may go straight', (t) => {
  const manifest = { min_version: '1.5.0' };
  for (const version of ['1.5.0', '1.5.1-dev.1', '2.0.0'])
    t.ok(admits(manifest, version));
  for (const version of ['1.4.9', '1.5.0-dev.9', undefined])
    t.notOk(admits(manifest, version));
  t.ok(admits({}, undefined));
  t.end();
});
