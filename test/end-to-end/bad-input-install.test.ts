import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, type Publish } from '../support/bad-tree.ts';
import type { Host } from '../support/sandbox.ts';

/** What is wrong with the transaction's own files, or with the services and checks that a release asks for. */

const good: Publish = (forge) => {
  nextRelease(forge);
};

const JOURNAL = `${JSON.stringify({
  type: 'journal',
  format: 1,
  phase: 'switching',
  from: null,
  to: 1,
  services: [],
  attachments: [],
  started: '2026-01-01T00:00:00Z',
})}\n`;

const journal =
  (text: string) =>
  (host: Host): void =>
    fs.writeFileSync(host.path('/data/updates/journal.json'), text);

const NO_JOURNAL = {
  exit: 30,
  says: {
    error: /the journal of an interrupted update cannot be read/,
    where: /updates\/journal\.json/,
    found: /\S/,
    hint: /qx-update current.*remove this file/,
  },
};

const JOURNALS: Row[] = [
  {
    ...NO_JOURNAL,
    name: 'a journal that was cut short',
    publish: good,
    host: journal(JOURNAL.slice(0, 60)),
  },
  { ...NO_JOURNAL, name: 'an empty journal', publish: good, host: journal('') },
  {
    ...NO_JOURNAL,
    name: 'a journal that stands twice in its file',
    publish: good,
    host: journal(JOURNAL + JOURNAL),
  },
  {
    ...NO_JOURNAL,
    name: 'a journal with a field that stands twice',
    publish: good,
    host: journal(JOURNAL.replace('"to":1', '"to":1,"to":2')),
  },
  {
    ...NO_JOURNAL,
    name: 'a journal of another phase',
    publish: good,
    host: journal(JOURNAL.replace('switching', 'thinking')),
  },
  {
    name: 'a journal of a newer format',
    publish: good,
    host: journal(JOURNAL.replace('"format":1', '"format":2,"phases":[]')),
    exit: 24,
    says: {
      error: /the journal is of a newer qx-update/,
      where: /updates\/journal\.json/,
      expected: /format 1/,
      found: /format 2/,
      hint: /qx-update recover/,
    },
  },
  {
    name: 'a journal that was committed to a generation that is not there',
    publish: good,
    host: journal(JOURNAL.replace('switching', 'committed').replace('"to":1', '"to":9')),
    exit: 30,
    says: { error: /the record of a generation/, where: /9\/\.release\.json/ },
  },
];

const GENERATIONS: Row[] = [
  {
    name: 'a generation whose record says another number',
    publish: good,
    host: (host) => {
      const file = host.path('/data/components/generations/1/.release.json');
      const record = fs.readFileSync(file, 'utf8');
      fs.writeFileSync(file, record.replace('"generation": 1', '"generation": 7'));
    },
    exit: 30,
    verified: 'manifest',
    says: {
      error: /the record of a generation/,
      where: /1\/\.release\.json/,
      found: /it says that it is 7/,
    },
  },
];

const SERVICES = {
  service_manager: '/services/manager.sh',
  allow_services: ['quantix-node', 'quantix-absent'],
};

/** A manager that knows no service at all. */
function ignorant(host: Host): void {
  const file = host.path('/services/manager.sh');
  fs.mkdirSync(path.dirname(file));
  fs.writeFileSync(file, '#!/bin/sh\necho "$1: no such service"\nexit 4\n', {
    mode: 0o755,
  });
}

/** The bytes are changed before they are signed: our own encoder would refuse most of these. */
const withHealth =
  (...health: object[]): Publish =>
  (forge) => {
    nextRelease(forge, {
      component: { health: [] },
      editManifest: (bytes) =>
        Buffer.from(
          bytes
            .toString()
            .replace(/"health": \[\]/, `"health": ${JSON.stringify(health)}`),
        ),
    });
  };

const CHECKS: Row[] = [
  {
    name: 'a service that this host does not allow',
    publish: (forge) => {
      nextRelease(forge, { component: { restart_service: 'sshd' } });
    },
    config: SERVICES,
    host: ignorant,
    exit: 25,
    verified: 'manifest',
    says: { error: /service/, found: /sshd/ },
  },
  {
    name: 'a service that this host does not have, found before anything is fetched',
    publish: (forge) => {
      nextRelease(forge, { component: { restart_service: 'quantix-absent' } });
    },
    config: SERVICES,
    host: ignorant,
    exit: 25,
    verified: 'manifest',
    says: {
      error: /a service that this host does not have/,
      where: /manager\.sh/,
      found: /quantix-absent/,
      hint: /add the service to the image/,
    },
  },
  {
    name: 'a health check of a service that this host does not allow',
    publish: withHealth({ type: 'service', service: 'sshd' }),
    config: SERVICES,
    host: ignorant,
    exit: 25,
    verified: 'manifest',
    says: { error: /service/, found: /sshd/ },
  },
  ...['/bin/true', '../../bin/true', './../../../bin/true', './a/../b', 'A', '.'].map(
    (file): Row => ({
      name: `a health check that runs ${file}`,
      publish: withHealth({ type: 'command', file }),
      exit: 23,
      verified: 'pointer',
      says: {
        error: /components\.0\.health\.0\.file/,
        expected: /a name in hooks\.d, or "\.\/path" inside the component/,
      },
    }),
  ),
  ...['http://192.0.2.1/', 'http://127.0.0.1.example/', 'health'].map((where): Row => ({
    name: `a health check of the path ${where}`,
    publish: withHealth({ type: 'http', port: 80, path: where }),
    exit: 23,
    verified: 'pointer',
    says: { error: /components\.0\.health\.0\.path/, expected: /a path like/ },
  })),
  ...['host', 'address', 'url'].map((field): Row => ({
    name: `a health check with ${field}`,
    publish: withHealth({ type: 'tcp', port: 80, [field]: '192.0.2.1' }),
    exit: 25,
    verified: 'manifest',
    says: {
      error: /a health check of a host/,
      expected: /127\.0\.0\.1/,
      found: new RegExp(field),
    },
  })),
  {
    name: 'a health check that names a command which is a link to elsewhere',
    publish: withHealth({ type: 'command', file: 'linked' }),
    host: (host) => {
      const folder = host.path('/quantix/update/hooks.d');
      fs.mkdirSync(folder, { recursive: true });
      fs.symlinkSync('/bin/true', path.join(folder, 'linked'));
    },
    exit: 78,
    verified: 'manifest',
    says: {
      error: /a health check cannot be run/,
      where: /hooks\.d\/linked/,
      found: /not a plain file/,
    },
  },
];

t.test('journals', (t) => refuseRows(t, JOURNALS));
t.test('generations', (t) => refuseRows(t, GENERATIONS));
t.test('services and health checks', (t) => refuseRows(t, CHECKS));
