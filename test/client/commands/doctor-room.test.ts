import t from 'tap';
import { room } from '../../../client/doctor/host.ts';

t.test('a disk without room fails, one with little is to be looked at', (t) => {
  for (const [free, finding] of [
    [0, { level: 'fail', exitCode: 31 }],
    [999_999, { level: 'fail', exitCode: 31 }],
    [1_000_000, { level: 'warn', exitCode: undefined }],
    [255_999_999, { level: 'warn', hint: /qx-update gc/ }],
    [256_000_000, { level: 'ok' }],
  ] as const) {
    t.match(room(free, 'told'), { part: 'disk', message: 'told', ...finding });
  }
  t.end();
});
