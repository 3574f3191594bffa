import t from 'tap';
import {
  describeCheck,
  HEALTH_TYPES,
  type HealthCheck,
  isKnownCheck,
  timingOf,
  unknownFields,
} from '../../../client/format/health.ts';
import { parseManifest } from '../../../client/format/manifest.ts';
import { accepted } from '../../support/documents.ts';

const [NODE] = parseManifest(accepted('manifest-full')).components;
const CHECKS = (NODE?.health ?? []).filter(isKnownCheck);

t.test('the vectors hold a check of every type', (t) => {
  const types = new Set(CHECKS.map(({ type }) => type));
  t.strictSame([...types].sort(), [...HEALTH_TYPES].sort());
  t.equal(CHECKS.length, (NODE?.health ?? []).length - 1, 'and one that is not known');
  t.end();
});

t.test('how a check is named', (t) => {
  const names = CHECKS.map((check) => describeCheck(check, NODE ?? {}));
  t.strictSame(names, [
    'https 127.0.0.1:9443/health?full=1',
    'service quantix-node',
    'service quantix-node',
    'tcp 127.0.0.1:9090',
    'command guests-run --min=1 vm-a',
    'command ./qx-node selftest',
  ]);
  t.end();
});

t.test('times are milliseconds, and what is not said has its default', (t) => {
  t.strictSame(CHECKS.slice(0, 1).map(timingOf), [
    { timeoutMs: 30_000, retries: 5, intervalMs: 2000, steadyMs: 10_000 },
  ]);
  t.strictSame(timingOf({ type: 'tcp', port: 1 }), {
    timeoutMs: 10_000,
    retries: 0,
    intervalMs: 1000,
    steadyMs: 0,
  });
  t.end();
});

t.test('fields that a known type does not have are told', (t) => {
  for (const check of CHECKS) t.strictSame(unknownFields(check), []);
  const odd: HealthCheck = { type: 'tcp', port: 1, host: 'example.com', path: '/' };
  t.strictSame(unknownFields(odd), ['host', 'path']);
  t.end();
});
