import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { filesBelow, manifestOf, newWorkspace, ok, qxRepo, write } from './support.ts';

const CONFIG = `repository = "test"
[products.quantix-os.components.agent]
install_path = "/opt/agent"
restart_service = "agent"
health = [
  {type = "http", port = 8080, path = "/health", retries = 20},
  {type = "service", steady_seconds = 5},
]
[products.quantix-os.components.site]
install_path = "/srv/site"
[[products.quantix-os.components.site.health]]
type = "command"
file = "./bin/selftest"
args = ["--quick"]
`;

async function workspaceIn(dir: string, config = CONFIG): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'w'));
  fs.writeFileSync(path.join(workspace, 'quantix-repo.toml'), config);
  write(path.join(dir, 'agent'), 'an agent\n', 0o755);
  write(path.join(dir, 'site/index.html'), '<h1>site</h1>\n');
  write(path.join(dir, 'site/bin/selftest'), '#!/bin/sh\n', 0o755);
  return workspace;
}

const GENERATE = 'generate --product quantix-os --version 1.0.0'.split(' ');
const BOTH = ['--component', 'agent=../agent', '--component', 'site=../site'];

t.test('health checks of quantix-repo.toml stand in the manifest', async (t) => {
  const workspace = await workspaceIn(t.testdir());
  const manifest = manifestOf(workspace, await ok(workspace, [...GENERATE, ...BOTH]));
  t.strictSame(
    manifest.components.map(({ health }) => health),
    [
      [
        { type: 'http', port: 8080, path: '/health', retries: 20 },
        { type: 'service', steady_seconds: 5 },
      ],
      [{ type: 'command', file: './bin/selftest', args: ['--quick'] }],
    ],
  );
});

t.test('those of release.toml take their place', async (t) => {
  const dir = t.testdir();
  const workspace = await workspaceIn(dir);
  write(
    path.join(dir, 'release.toml'),
    `product = "quantix-os"
version = "1.0.0"
[components.agent]
path = "agent"
health = [{type = "tcp", port = 8080}]
[components.site]
path = "site"
health = []
`,
  );
  const result = await ok(workspace, ['generate', '--from', '../release.toml']);
  const [agent, site] = manifestOf(workspace, result).components;
  t.strictSame(agent?.health, [{ type: 'tcp', port: 8080 }]);
  t.strictSame(site?.health, []);
});

const BAD: [reason: string, check: string, says: RegExp][] = [
  ['a type that is not known', '{type = "grpc", port = 1}', /"service" \| "tcp"/],
  ['no type', '{port = 1}', /found +nothing/],
  ['a field of another type', '{type = "tcp", port = 1, path = "/"}', /not known.*path/s],
  ['a host', '{type = "tcp", port = 1, host = "db"}', /a key that is not known.*host/s],
  ['no port', '{type = "http", path = "/"}', /quantix-repo\.toml:5:1:.*health\.0\.port/],
  ['a command with a path', '{type = "command", file = "/bin/sh"}', /a name in hooks\.d/],
  ['a shell', '{type = "command", file = "ok", args = ["$(id)"]}', /a plain word/],
  ['a time too long', '{type = "tcp", port = 1, timeout_seconds = 9999}', /at most 3600/],
];

t.test('a malformed check is refused where it stands, whatever is called', async (t) => {
  const workspace = await workspaceIn(t.testdir());
  for (const [reason, check, says] of BAD) {
    const config = CONFIG.replace(/health = \[[^\]]*\]/, `health = [${check}]`);
    t.not(config, CONFIG);
    fs.writeFileSync(path.join(workspace, 'quantix-repo.toml'), config);
    const called = await qxRepo(workspace, [...GENERATE, ...BOTH]);
    t.equal(called.status, 78, `${reason}: ${called.stderr}`);
    t.match(called.stderr, says, reason);
  }
});

const HOPELESS: [reason: string, component: string, check: string, says: RegExp][] = [
  ['a service check of no service', 'site', '{type = "service"}', /of no service/],
  ['a missing command', 'site', '{type = "command", file = "./x"}', /no such file/],
  [
    'a command that is not executable',
    'site',
    '{type = "command", file = "./index.html"}',
    /a file without an x bit/,
  ],
  ['a folder', 'site', '{type = "command", file = "./bin"}', /a directory without/],
  ['a part of a file', 'agent', '{type = "command", file = "./x"}', /"\.\/agent"/],
];

t.test(
  'a check that no host could pass is refused before anything is stored',
  async (t) => {
    const workspace = await workspaceIn(t.testdir());
    const before = filesBelow(path.join(workspace, 'public'));
    for (const [reason, component, check, says] of HOPELESS) {
      const text = `repository = "test"
[products.quantix-os.components.${component}]
install_path = "/opt/it"
health = [${check}]
`;
      fs.writeFileSync(path.join(workspace, 'quantix-repo.toml'), text);
      const args = [...GENERATE, '--component', `${component}=../${component}`];
      const called = await qxRepo(workspace, args);
      t.match(called.stderr, says, reason);
      t.ok([23, 78].includes(called.status), reason);
      t.strictSame(filesBelow(path.join(workspace, 'public')), before, reason);
    }
  },
);

t.test('a file component may check itself', async (t) => {
  const config = CONFIG.replace(
    /health = \[[^\]]*\]/,
    'health = [{type = "command", file = "./agent", args = ["selftest"]}]',
  );
  const workspace = await workspaceIn(t.testdir(), config);
  await ok(workspace, [...GENERATE, ...BOTH]);
});
