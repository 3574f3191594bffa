import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type Manifest, encodeManifest } from '../../client/format/manifest.ts';
import { type Pointer, encodePointer } from '../../client/format/pointer.ts';
import {
  encodeReleasePage,
  encodeRepositoryIndex,
} from '../../client/format/repository-index.ts';
import { encodeRoot } from '../../client/format/root.ts';
import {
  manifestPath,
  pointerPath,
  releasePagePath,
  rootPath,
} from '../../client/format/tree.ts';
import { showPage } from '../support/page.ts';
import { ROOT } from '../support/setup.mjs';

const PAGE = fs.readFileSync(path.join(ROOT, 'repo-template/public/index.html'), 'utf8');
const REPOSITORY = 'test-repository';
const KEY = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';
const OBJECT = 'a'.repeat(64);
const COMMON = { format: 1, repository: REPOSITORY } as const;

function sha256(bytes: Buffer): string {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

function manifestOf(version: string, release: number): Manifest {
  return {
    ...COMMON,
    type: 'manifest',
    product: 'quantix-os',
    version,
    release,
    release_date: '2026-01-05T10:00:00Z',
    update_type: 'component',
    arch: 'any',
    release_notes: 'Fixes <b>one</b> defect.',
    components: [
      {
        name: 'qx-node',
        version,
        kind: 'file',
        install_path: '/data/bin/qx-node',
        content: { sha256: OBJECT, size: 3_000_000 },
        sources: [
          { type: 'full', encoding: 'identity', sha256: OBJECT, size: 3_000_000 },
          { type: 'full', encoding: 'br', sha256: 'b'.repeat(64), size: 1_200_000 },
        ],
      },
    ],
  };
}

function pointerOf(
  version: string,
  manifest: Buffer,
  more: Partial<Pointer> = {},
): Pointer {
  return {
    ...COMMON,
    type: 'pointer',
    product: 'quantix-os',
    channel: 'stable',
    serial: 1,
    version,
    manifests: { any: { sha256: sha256(manifest), size: manifest.length } },
    issued: '2026-01-06T10:00:00Z',
    expires: '2026-04-06T10:00:00Z',
    root: 1,
    ...more,
  };
}

/** A tree with one product, the channel stable and two pages of releases. */
function makeTree(dir: string, more: Partial<Pointer> = {}): string {
  const manifest = encodeManifest(manifestOf('1.4.2', 12));
  const row = (version: string, release: number) => ({
    version,
    release,
    release_date: '2026-01-05T10:00:00Z',
    update_type: 'component' as const,
    manifests: { any: { sha256: sha256(manifest), size: manifest.length } },
  });
  const page = (number: number, releases: ReturnType<typeof row>[]): Buffer =>
    encodeReleasePage({
      ...COMMON,
      type: 'releases',
      product: 'quantix-os',
      page: number,
      releases,
    });
  const role = { keys: ['E7620F1842B4E81F'], threshold: 1 };
  const root = (version: number): Buffer =>
    encodeRoot({
      ...COMMON,
      type: 'root',
      version,
      expires: '2029-01-01T00:00:00Z',
      keys: { E7620F1842B4E81F: KEY },
      roles: { root: role, release: role, channel: role },
    });
  const files: Record<string, Buffer> = {
    [rootPath(1)]: root(1),
    [rootPath(2)]: root(2),
    [manifestPath(sha256(manifest))]: manifest,
    [pointerPath('quantix-os', 'stable')]: encodePointer(
      pointerOf('1.4.2', manifest, more),
    ),
    [releasePagePath('quantix-os', 1)]: page(1, [row('1.0.0', 1), row('1.1.0', 2)]),
    [releasePagePath('quantix-os', 2)]: page(2, [row('1.4.1', 11), row('1.4.2', 12)]),
    'repository.json': encodeRepositoryIndex({
      ...COMMON,
      type: 'repository',
      products: { 'quantix-os': { channels: ['stable', 'dev'], releases: 4, pages: 2 } },
    }),
  };
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), bytes);
  }
  return dir;
}

const BASE = 'https://example.org/mirrors/quantix/index.html';

t.test(
  'the page shows channels, what their releases hold, and how to check',
  async (t) => {
    const page = await showPage(PAGE, makeTree(t.testdir()), BASE);
    const text = page.main.textContent;
    t.equal(page.title.textContent, REPOSITORY);
    for (const shown of [
      'quantix-os',
      'stable',
      '1.4.2',
      '2026-01-06',
      '1.2 MB',
      'qx-node',
    ]) {
      t.match(text, shown);
    }
    t.match(text, '/data/bin/qx-node');
    t.match(text, 'Fixes <b>one</b> defect.', 'as text, not as markup');
    t.match(text, `minisign -V -H -m stable.json -P ${KEY}`);
    t.match(
      text,
      'curl -fO https://example.org/mirrors/quantix/channels/quantix-os/stable.json',
    );
    t.match(text, 'Trust root 2', 'the newest');
  },
);

t.test('every path is relative, so that any folder of any host will do', async (t) => {
  const page = await showPage(PAGE, makeTree(t.testdir()), BASE);
  const links = page.main.all('a').map((link) => link.href ?? '');
  t.ok(links.length > 3);
  for (const name of [...links, ...page.asked]) t.notMatch(name, /^(?:\/|[a-z]+:)/, name);
  t.ok(links.includes(`objects/aa/${OBJECT}`), 'the plain bytes of a component');
});

t.test('the page loads nothing from anywhere else', async (t) => {
  t.notMatch(PAGE, /\bhttps?:\/\//);
  t.notMatch(PAGE, /\b(?:src|@import|url)\s*[=(]/);
  t.notMatch(PAGE, /innerHTML|insertAdjacentHTML|document\.write|eval\(/);
  t.match(PAGE, /Content-Security-Policy"\s+content="default-src 'none';/);
});

t.test('releases come newest page first, older ones when asked for', async (t) => {
  const { main } = await showPage(PAGE, makeTree(t.testdir()), BASE);
  const list = main.all('details').at(-1);
  await list?.fire('toggle');
  const versions = (): string[] =>
    (list?.all('tr') ?? []).flatMap((row) =>
      row
        .all('td')
        .slice(0, 1)
        .map((cell) => cell.textContent),
    );
  t.same(versions(), ['1.4.2', '1.4.1']);
  const older = list?.all('button')[0];
  await older?.fire('click');
  t.same(versions(), ['1.4.2', '1.4.1', '1.1.0', '1.0.0']);
  t.equal(older?.hidden, true, 'there is none before the first page');
});

t.test('an expired or paused channel says so', async (t) => {
  const past = { issued: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z' };
  const expired = await showPage(PAGE, makeTree(t.testdir(), past), BASE);
  t.match(expired.main.textContent, 'expired');
  const far = new Date(Date.now() + 30 * 86_400_000)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
  const soon = new Date(Date.now() - 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const life = { issued: soon, expires: far, paused: true };
  const paused = await showPage(PAGE, makeTree(t.testdir(), life), BASE);
  t.match(paused.main.textContent, 'paused');
  t.notMatch(paused.main.textContent, 'expired');
});

t.test('names that would lead out of the tree are not followed', async (t) => {
  const dir = makeTree(t.testdir());
  const index = {
    repository: 'x',
    products: { '../../evil': { channels: ['stable'], releases: 1, pages: 1 } },
  };
  fs.writeFileSync(path.join(dir, 'repository.json'), JSON.stringify(index));
  const page = await showPage(PAGE, dir, BASE);
  t.match(page.main.textContent, 'The index cannot be shown: not a name of ours');
  t.same(page.asked, ['repository.json']);
});

t.test(
  'before anything is published, and from disk, the page says what to do',
  async (t) => {
    const empty = await showPage(PAGE, t.testdir(), 'file:///srv/public/index.html');
    t.match(empty.main.textContent, 'repository.json is not here');
    t.match(empty.main.textContent, 'qx-repo serve');
  },
);
