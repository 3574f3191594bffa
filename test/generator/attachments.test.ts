import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { sha256 } from '../support/forge.ts';
import { ROOT } from '../support/setup.mjs';
import {
  type Json,
  manifestOf,
  newWorkspace,
  ok,
  qxRepo,
  smallRelease,
} from './support.ts';

/** Documents that go with a release: published byte for byte, signed by way of the manifest. */

const SAMPLES = path.join(ROOT, 'test/vectors/attachments');
const SBOM = path.join(SAMPLES, 'bom.cdx.json');
const PROVENANCE = path.join(SAMPLES, 'build.dsse.json');

async function workspaceIn(dir: string) {
  const workspace = await newWorkspace(path.join(dir, 'workspace'));
  const small = smallRelease(dir, '1.0.0');
  const args = (version: string, ...more: string[]): string[] => [
    ...['generate', '--version', version, '--channel', 'stable', ...small, ...more],
  ];
  const object = (name: string): string =>
    path.join(workspace, 'public', objectPath(sha256(fs.readFileSync(name))));
  return { workspace, args, object };
}

const attach = (...pairs: string[]): string[] =>
  pairs.flatMap((pair) => ['--attach', pair]);

t.test('each is an object of its own bytes, with its kind and media type', async (t) => {
  const dir = t.testdir({ 'notes.pdf': '%PDF-1.4 not a bill of anything' });
  const { workspace, args, object } = await workspaceIn(dir);
  const notes = path.join(dir, 'notes.pdf');
  const xml = path.join(SAMPLES, 'bom.cdx.xml');
  const all = attach(
    ...[`sbom=${SBOM}`, `sbom=${xml}`, `provenance=${PROVENANCE}`, `manual=${notes}`],
  );
  const result = await ok(workspace, args('1.0.0', ...all));
  const { attachments = [] } = manifestOf(workspace, result);
  t.same(
    attachments.map(({ name, media_type: type }) => [name, type]),
    [
      ['sbom', 'application/vnd.cyclonedx+json'],
      ['sbom', 'application/vnd.cyclonedx+xml'],
      ['provenance', 'application/vnd.dsse.envelope.v1+json'],
      ['manual', undefined],
    ],
  );
  for (const [at, file] of [SBOM, xml, PROVENANCE, notes].entries()) {
    const bytes = fs.readFileSync(file);
    t.same(attachments[at]?.content, { sha256: sha256(bytes), size: bytes.length });
    t.ok(fs.readFileSync(object(file)).equals(bytes), file);
  }
  const again = await ok(workspace, args('1.0.0', ...all));
  t.equal(again.state, 'unchanged');
  const other = await qxRepo(workspace, args('1.0.0', ...attach(`sbom=${xml}`)));
  t.equal(other.status, 22, 'what was signed for a version stays');
});

t.test(
  'verify and verify --fast miss them, verify reads them, prune knows them',
  async (t) => {
    const dir = t.testdir();
    const { workspace, args, object } = await workspaceIn(dir);
    await ok(workspace, args('1.0.0', ...attach(`sbom=${SBOM}`)));
    const verify = async (...flags: string[]): Promise<[number, Json[]]> => {
      const called = await qxRepo(workspace, ['verify', ...flags, '--json']);
      return [called.status, (JSON.parse(called.stdout) as Json).problems as Json[]];
    };
    t.same(await verify(), [0, []]);
    const bytes = fs.readFileSync(SBOM);
    fs.writeFileSync(object(SBOM), Buffer.from(bytes.map((byte) => byte ^ 1)));
    const [status, problems] = await verify();
    t.equal(status, 21);
    t.match(problems, [{ message: /not what its name says/ }]);
    t.same(await verify('--fast'), [0, []], 'it looks at lengths alone');
    fs.writeFileSync(object(SBOM), bytes.subarray(1));
    t.match(await verify('--fast'), [21, [{ message: /of another length/ }]]);
    fs.rmSync(object(SBOM));
    for (const flags of [[], ['--fast']])
      t.match(await verify(...flags), [21, [{ message: /object is missing/ }]]);
    fs.writeFileSync(object(SBOM), bytes);

    await ok(workspace, args('1.1.0', ...attach(`sbom=${SBOM}`)));
    const spdx = path.join(SAMPLES, 'bom.spdx');
    await ok(workspace, args('1.2.0', ...attach(`sbom=${spdx}`)));
    const prune = ['prune', '--apply', '--grace', '0s', '--keep'];
    await ok(workspace, [...prune, '2'], { now: '2026-03-02T00:00:00Z' });
    t.ok(fs.existsSync(object(SBOM)), '1.1.0 has it as well');
    await ok(workspace, [...prune, '1'], { now: '2026-03-02T00:00:00Z' });
    t.notOk(fs.existsSync(object(SBOM)));
    t.ok(fs.existsSync(object(spdx)));
  },
);

t.test(
  'a file that is not what its kind says is refused, and nothing is written',
  async (t) => {
    const dir = t.testdir({ folder: {}, 'release.toml': '' });
    const { workspace, args } = await workspaceIn(dir);
    const before = fs.readdirSync(path.join(workspace, 'public'));
    const refused: [flags: string[], status: number, message: RegExp][] = [
      [attach(`sbom=${PROVENANCE}`), 23, /sbom: the file is something else[^]*CycloneDX/],
      [attach(`provenance=${SBOM}`), 23, /provenance: the file is something[^]*in-toto/],
      [attach(`sbom=${dir}/none.json`), 78, /sbom: there is no such file/],
      [attach(`sbom=${dir}/folder`), 78, /sbom: of another kind/],
      [attach(`SBOM=${SBOM}`), 23, /name/],
      [attach('sbom'), 2, /--attach is not name=value/],
    ];
    for (const [flags, status, message] of refused) {
      const called = await qxRepo(workspace, args('1.0.0', ...flags));
      t.equal(called.status, status, called.stderr);
      t.match(called.stderr, message);
    }
    t.same(fs.readdirSync(path.join(workspace, 'public')), before);
  },
);

t.test(
  'release.toml may add parameters to a media type, and not another type',
  async (t) => {
    const dir = t.testdir();
    const { workspace, args } = await workspaceIn(dir);
    const file = path.join(dir, 'release.toml');
    const describe = (type: string): void =>
      fs.writeFileSync(
        file,
        `[[attachments]]\nname = "sbom"\npath = "${SBOM}"\nmedia_type = "${type}"\n`,
      );
    describe('application/spdx+json');
    const called = await qxRepo(workspace, args('1.0.0', '--from', file));
    t.equal(called.status, 78);
    t.match(called.stderr, /media_type contradicts the file/);
    describe('application/vnd.cyclonedx+json; version=1.6');
    const result = await ok(workspace, args('1.0.0', '--from', file));
    t.match(manifestOf(workspace, result).attachments, [
      { media_type: 'application/vnd.cyclonedx+json; version=1.6' },
    ]);
  },
);
