import fs from 'node:fs';
import t from 'tap';
import { start } from '../support/process.ts';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, type Publish } from '../support/bad-tree.ts';
import type { Host } from '../support/sandbox.ts';

type HostChange = NonNullable<Row['host']>;

const good: Publish = (forge) => {
  nextRelease(forge);
};

function write(file: string, text: string): HostChange {
  return (host) => {
    fs.writeFileSync(host.path(file), text);
  };
}

/** Both generations, or those named. */
function stateFiles(text: string, names = ['state-0.json', 'state-1.json']) {
  return (host: Host): void => {
    for (const name of names) {
      const file = host.path(`/data/updates/${name}`);
      if (fs.existsSync(file)) fs.writeFileSync(file, text);
    }
  };
}

const TOML = /quantix\/update\.toml/;
const CONFIG = { exit: 78, recorded: false } as const;

const toml = (text: string): HostChange => write('/quantix/update.toml', text);

const CONFIGURATION: Row[] = [
  {
    ...CONFIG,
    name: 'a configuration that is not TOML: line and column',
    host: toml('url = "http://127.0.0.1"\nproduct = quantix-os\n'),
    says: { error: /cannot be read/, where: /update\.toml:2:\d+/, found: /\S/ },
  },
  {
    ...CONFIG,
    name: 'a key that nobody knows: line, column and the nearest one',
    host: toml('product = "quantix-os"\n\n  chanel = "beta"\n'),
    says: {
      error: /a key that qx-update does not know/,
      where: /update\.toml:3:3/,
      expected: /"channel"/,
      found: /chanel/,
    },
  },
  {
    ...CONFIG,
    name: 'a value of another type',
    host: toml('product = "quantix-os"\nauto_apply = "yes"\n'),
    says: {
      error: /auto_apply does not fit/,
      where: /update\.toml:2:1/,
      expected: /boolean/,
      found: /yes/,
    },
  },
  {
    ...CONFIG,
    name: 'a duration without a unit',
    host: toml('product = "quantix-os"\nstall_timeout = "30"\n'),
    says: {
      error: /stall_timeout does not fit/,
      where: /update\.toml:2:1/,
      expected: /a duration like "30s"/,
      found: /30/,
    },
  },
  {
    ...CONFIG,
    name: 'a key that stands twice',
    host: toml('product = "quantix-os"\nproduct = "quantix-vdc"\n'),
    says: { error: /cannot be read/, where: /update\.toml:2:\d+/ },
  },
  {
    ...CONFIG,
    name: 'no URL',
    host: toml('product = "quantix-os"\n'),
    says: { error: /"url" is missing/, where: TOML, hint: /QX_UPDATE_URL/ },
  },
  {
    ...CONFIG,
    name: 'a configuration file that is not there',
    args: ['apply', '--config', '/quantix/other.toml'],
    says: { error: /the configuration file is missing/, where: /quantix\/other\.toml/ },
  },
  {
    ...CONFIG,
    name: 'a configuration of 300 kB',
    host: toml(`# ${'x'.repeat(300_000)}\n`),
    says: { error: /too large/, where: TOML, expected: /262144 bytes/ },
  },
  {
    ...CONFIG,
    name: 'a certificate authority that is not there',
    publish: good,
    config: { ca_file: '/quantix/ca.pem' },
    says: { error: /cannot be read/, where: /quantix\/ca\.pem/, found: /ENOENT/ },
  },
  {
    ...CONFIG,
    name: 'a certificate authority that is none',
    publish: good,
    config: { ca_file: '/quantix/update.toml' },
    says: { error: /ca_file holds no certificate/, where: TOML, expected: /PEM/ },
  },
  {
    ...CONFIG,
    name: 'a client certificate without its key',
    publish: good,
    config: { client_cert: '/quantix/client.pem' },
    says: { error: /client_cert needs client_key/, where: TOML, found: /alone/ },
  },
  ...[
    { what: 'of two lines', text: 'Bearer one\nBearer two\n', found: /2 lines/ },
    { what: 'that is empty', text: '\n', found: /0 lines/ },
    { what: 'with a control character', text: 'Bearer \u0007', found: /no header/ },
  ].map(({ what, text, found }): Row => ({
    ...CONFIG,
    name: `an authorization file ${what}`,
    publish: good,
    config: { authorization_file: '/quantix/token' },
    host: write('/quantix/token', text),
    says: { error: /authorization_file is not/, where: /quantix\/token/, found },
  })),
  {
    name: 'a pinned root that is not there',
    publish: good,
    host: (host) => {
      fs.rmSync(host.path('/quantix/root.json'));
    },
    exit: 78,
    says: { error: /the pinned trust root is missing/, where: /quantix\/root\.json/ },
  },
];

const UNUSABLE: Row[] = [
  {
    name: 'both generations of the state broken',
    publish: good,
    host: stateFiles('{"type":"client-state",'),
    exit: 30,
    recorded: false,
    says: {
      error: /state cannot be read/,
      where: /state-0\.json.*state-1\.json/,
      found: /\S/,
      hint: /put back a copy/,
    },
  },
  {
    name: 'both generations of the state empty',
    publish: good,
    host: stateFiles(''),
    exit: 30,
    recorded: false,
    says: { error: /state cannot be read/, where: /state-0\.json/, hint: /put back/ },
  },
  {
    name: 'both generations of the state too large',
    publish: good,
    host: stateFiles(' '.repeat(2_000_000)),
    exit: 30,
    recorded: false,
    says: { error: /state cannot be read/, where: /state-0\.json/, hint: /put back/ },
  },
  {
    name: 'a pinned root that is too large',
    publish: good,
    host: write('/quantix/root.json', ' '.repeat(100_000)),
    exit: 30,
    says: {
      error: /a trust root on this host is unusable/,
      where: /quantix\/root\.json/,
    },
  },
  {
    name: 'a pinned root that is none',
    publish: good,
    host: write('/quantix/root.json', '{"type":"root"}'),
    exit: 30,
    says: {
      error: /a trust root on this host is unusable/,
      where: /quantix\/root\.json/,
    },
  },
  {
    name: 'a stored root that was cut short',
    publish: good,
    host: (host) => {
      fs.mkdirSync(host.path('/data/updates/trust/example'), { recursive: true });
      fs.writeFileSync(host.path('/data/updates/trust/example/2.json'), '{"type":');
    },
    exit: 30,
    says: { error: /a trust root on this host is unusable/, where: /example\/2\.json/ },
  },
  {
    name: 'a link "current" that points elsewhere',
    publish: good,
    host: (host) => {
      fs.rmSync(host.path('/data/components/current'));
      fs.symlinkSync('/etc', host.path('/data/components/current'));
    },
    exit: 30,
    verified: 'manifest',
    says: {
      error: /"current" does not point to a generation/,
      where: /components\/current/,
      expected: /generations/,
      found: /\/etc/,
    },
  },
  {
    name: 'a generation whose record was cut short',
    publish: good,
    host: write('/data/components/generations/1/.release.json', '{"type":'),
    exit: 30,
    verified: 'manifest',
    says: {
      error: /the record of a generation/,
      where: /1\/\.release\.json/,
      found: /\S/,
    },
  },
  {
    name: 'a second run at the same time',
    publish: good,
    host: (host) => holdLock(host.path('/data/updates/lock')),
    exit: 32,
    recorded: false,
    says: {
      error: /another run is under way/,
      where: /updates\/lock/,
      hint: /qx-update status/,
    },
  },
];

/** flock(2) on the file, as another run has it, by a program that waits. */
async function holdLock(file: string): Promise<() => void> {
  const script = 'exec 9<>"$0"; flock -n 9; echo held; exec sleep 60';
  const holder = start('sh', ['-c', script, file]);
  await holder.printed(/held/);
  return () => void holder.child.kill();
}

t.test('configurations', (t) => refuseRows(t, CONFIGURATION));
t.test('states that cannot be used', (t) => refuseRows(t, UNUSABLE));
