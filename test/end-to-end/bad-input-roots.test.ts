import t from 'tap';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import type { Root } from '../../client/format/root.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, nextRoot } from '../support/bad-tree.ts';
import type { Forge } from '../support/forge.ts';

const POINTER = /channels\/quantix-os\/stable\.json/;

/** Root 2 and, so that it is asked for, another pointer. */
function addRoot(forge: Forge, changes: Partial<Root>, signer?: SecretKey | null): void {
  nextRoot(forge, changes, signer);
  nextRelease(forge);
}

/** Another key for the root itself. */
function takeOver({ root, keys: { stranger } }: Forge): Partial<Root> {
  const keys = { ...root.keys, [stranger.id]: publicKeyLine(stranger.publicKey) };
  const roles = { ...root.roles, root: { keys: [stranger.id], threshold: 1 } };
  return { keys, roles };
}

const ROOTS: Row[] = [
  {
    name: 'a next root that a stranger signed',
    publish: (forge) => {
      addRoot(forge, {}, forge.keys.stranger);
    },
    exit: 20,
    says: { error: /"root"/, where: /root\/2\.json/, expected: /1 of \[0101/ },
  },
  {
    name: 'a next root that skips a version',
    publish: (forge) => {
      addRoot(forge, { version: 3 });
    },
    exit: 22,
    says: { error: /version/, where: /root\/2\.json/, expected: /2/, found: /3/ },
  },
  {
    name: 'a next root of another repository',
    publish: (forge) => {
      addRoot(forge, { repository: 'elsewhere' });
    },
    exit: 23,
    says: {
      error: /of another repository/,
      where: /root\/2\.json/,
      expected: /example/,
      found: /elsewhere/,
    },
  },
  {
    name: 'a next root without its signature',
    publish: (forge) => {
      addRoot(forge, {}, null);
    },
    exit: 20,
    says: { error: /"root"/, where: /root\/2\.json/, expected: /1 of \[/, found: /no/ },
  },
  {
    name: 'a next root that has expired',
    publish: (forge) => {
      addRoot(forge, { expires: '2020-01-01T00:00:00Z' });
    },
    exit: 11,
    rooted: 2,
    says: {
      error: /the trust root 2 has expired/,
      where: /root\/2\.json/,
      expected: /after/,
      found: /2020-01-01/,
    },
  },
  {
    name: 'a next root by the key of the next root alone',
    publish: (forge) => {
      addRoot(forge, takeOver(forge), forge.keys.stranger);
    },
    exit: 20,
    says: { error: /"root"/, where: /root\/2\.json/, expected: /1 of \[0101/ },
  },
  {
    name: 'a next root by the key of the last root alone',
    publish: (forge) => {
      addRoot(forge, takeOver(forge));
    },
    exit: 20,
    says: { error: /"root"/, where: /root\/2\.json/, expected: /1 of \[0909/ },
  },
  {
    name: 'a channel without a pointer',
    publish: (forge) => {
      forge.remove(pointerPath('quantix-os', 'stable'));
    },
    exit: 10,
    says: { error: /no such channel/, where: POINTER, expected: /quantix-os stable/ },
  },
];

t.test('roots and channels', (t) => refuseRows(t, ROOTS));
