import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import {
  at,
  endless,
  nextRelease,
  type Publish,
  withFields,
} from '../support/bad-tree.ts';

const POINTER = /channels\/quantix-os\/stable\.json/;
const DAY_MS = 86_400_000;

/** The pointer of release 1.1.0 with these fields, signed as ever. */
function pointer(fields: Record<string, unknown>): Publish {
  return (forge) => {
    nextRelease(forge, { editPointer: (bytes) => withFields(bytes, fields) });
  };
}

function raw(bytes: Buffer): Publish {
  return (forge) => {
    forge.pointer(bytes);
  };
}

const stamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const CONTENT: Row[] = [
  {
    name: 'a pointer of another product',
    publish: pointer({ product: 'quantix-vdc' }),
    exit: 23,
    says: {
      error: /the pointer is of another product/,
      where: POINTER,
      expected: /quantix-os/,
      found: /quantix-vdc/,
    },
  },
  {
    name: 'a pointer of another channel',
    publish: pointer({ channel: 'dev' }),
    exit: 23,
    says: {
      error: /the pointer is of another channel/,
      where: POINTER,
      expected: /stable/,
      found: /dev/,
    },
  },
  {
    name: 'a pointer of another repository',
    publish: pointer({ repository: 'elsewhere' }),
    exit: 23,
    says: {
      error: /the pointer is of another repository/,
      where: POINTER,
      expected: /example/,
      found: /elsewhere/,
    },
  },
  {
    name: 'a signed document of another type in the place of the pointer',
    publish: pointer({ type: 'manifest' }),
    exit: 23,
    says: {
      error: /of another type/,
      where: POINTER,
      expected: /pointer/,
      found: /manifest/,
    },
  },
  {
    name: 'a pointer of an unknown format',
    publish: pointer({ format: 2 }),
    exit: 24,
    says: {
      error: /a format that this version does not read/,
      where: POINTER,
      expected: /format 1/,
      found: /format 2/,
      hint: /update qx-update/,
    },
  },
  {
    name: 'a pointer with an unknown critical field',
    publish: pointer({ critical: ['quorum'], quorum: 3 }),
    exit: 24,
    says: { error: /a critical field/, where: POINTER, found: /quorum/ },
  },
  {
    name: 'a pointer without a serial',
    publish: pointer({ serial: undefined }),
    exit: 23,
    says: { error: /serial/, where: POINTER, found: /nothing/ },
  },
  {
    name: 'an empty pointer',
    publish: raw(Buffer.alloc(0)),
    exit: 23,
    says: { error: /pointer/, where: POINTER },
  },
  {
    name: 'a pointer of 33 KiB',
    publish: pointer({ message: 'x'.repeat(33 * 1024) }),
    exit: 23,
    says: { error: /longer than it may be/, where: POINTER, expected: /32768 bytes/ },
  },
  {
    name: 'a pointer without an end',
    publish: () => at(POINTER, endless),
    exit: 23,
    says: { error: /longer than it may be/, where: POINTER, expected: /32768 bytes/ },
  },
];

const TIME_AND_ORDER: Row[] = [
  {
    name: 'a pointer with a lower serial than one seen before',
    publish: (forge) => {
      forge.release({ version: '1.1.0', serial: 1 });
    },
    host: (host) => {
      raiseSerial(host.path('/data/updates'));
    },
    exit: 22,
    says: {
      error: /an older pointer than this host has seen/,
      where: POINTER,
      expected: /serial 5 or higher/,
      found: /serial 1/,
    },
  },
  {
    name: 'another pointer with the same serial',
    publish: (forge) => {
      nextRelease(forge, { serial: 1 });
    },
    exit: 22,
    says: {
      error: /two different pointers with one serial/,
      where: POINTER,
      expected: /serial 1 with SHA-256 [0-9a-f]{64}/,
      found: /[0-9a-f]{64}/,
    },
  },
  {
    name: 'an expired pointer',
    publish: pointer({
      issued: stamp(Date.now() - 20 * DAY_MS),
      expires: stamp(Date.now() - DAY_MS),
    }),
    exit: 11,
    says: {
      error: /the pointer has expired/,
      where: POINTER,
      expected: /after/,
      found: /Z/,
    },
  },
  {
    name: 'a pointer that lives longer than 400 days',
    publish: pointer({ expires: stamp(Date.now() + 401 * DAY_MS) }),
    exit: 23,
    says: { error: /expires/, where: POINTER, expected: /400 days/ },
  },
  {
    name: 'a pointer that expires before it is issued',
    publish: pointer({
      issued: stamp(Date.now()),
      expires: stamp(Date.now() - DAY_MS),
    }),
    exit: 23,
    says: { error: /expires/, where: POINTER, expected: /after issued/ },
  },
  {
    name: 'a pointer that needs a root which the host is not shown',
    publish: pointer({ root: 2 }),
    exit: 11,
    says: {
      error: /a newer trust root is withheld/,
      where: POINTER,
      expected: /root 2/,
      found: /root 1/,
    },
  },
  {
    name: 'a lower version without "rollback"',
    publish: (forge) => {
      nextRelease(forge, { version: '0.9.0' });
    },
    exit: 22,
    verified: 'pointer',
    says: {
      error: /an older version than the one installed/,
      where: POINTER,
      expected: /1\.0\.0 or later/,
      found: /0\.9\.0/,
      hint: /"rollback": true/,
    },
  },
];

const POLICY: Row[] = [
  {
    name: 'a pointer that names no manifest for this architecture',
    publish: (forge) => {
      const { pointer } = nextRelease(forge);
      const any = pointer.manifests.any ?? { sha256: '', size: 0 };
      forge.pointer(encodePointer({ ...pointer, manifests: { riscv64: any } }));
    },
    exit: 25,
    verified: 'pointer',
    says: {
      error: /not built for this architecture/,
      where: POINTER,
      expected: /x86_64|aarch64/,
      found: /riscv64/,
    },
  },
  {
    name: 'a paused channel',
    publish: pointer({ paused: true, message: 'we found a hole' }),
    exit: 75,
    verified: 'pointer',
    says: { error: /paused: /, where: POINTER, found: /we found a hole/ },
  },
  {
    name: 'a rollout that has not begun',
    publish: pointer({
      rollout: { start: '2098-01-01T00:00:00Z', hours: 0, from: 0, to: 100 },
    }),
    exit: 75,
    verified: 'pointer',
    says: {
      error: /rollout: the turn of this host/,
      where: POINTER,
      expected: /2098-01-01T00:00:00Z or later/,
      found: /this host's place is \d/,
      hint: /--now/,
    },
  },
];

function raiseSerial(stateDir: string): void {
  for (const name of ['state-0.json', 'state-1.json']) {
    const file = path.join(stateDir, name);
    if (!fs.existsSync(file)) continue;
    const text = fs.readFileSync(file, 'utf8').replace(/"serial": 1\b/, '"serial": 5');
    fs.writeFileSync(file, text);
  }
}

t.test('pointers with other contents', (t) => refuseRows(t, CONTENT));
t.test('pointers out of time and order', (t) => refuseRows(t, TIME_AND_ORDER));
t.test('pointers that ask for something', (t) => refuseRows(t, POLICY));
