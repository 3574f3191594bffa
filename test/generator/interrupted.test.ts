import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import type { Effects } from '../../client/effects/effects.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { objectPath } from '../../client/format/tree.ts';
import { listPointers, readPointer } from '../../generator/tree/pointers.ts';
import {
  findRelease,
  loadReleases,
  readManifest,
} from '../../generator/tree/releases.ts';
import { currentRoot } from '../../generator/tree/roots.ts';
import { openWorkspace } from '../../generator/workspace/workspace.ts';
import {
  effectsAt,
  filesBelow,
  newWorkspace,
  NOW,
  ok,
  qxRepo,
  smallRelease,
  write,
} from './support.ts';

/** Effects that change the disk; reading cannot leave anything half done. */
const CHANGES =
  /^files\.(?:open|open\.write|makeDirectory|rename|remove|removeDirectory|setMode)$/;
/** What the kernel does for a process that died. */
const AFTER_DEATH = /\.(?:close|release)$/;

t.setTimeout(300_000);

class Cut extends Error {}

/** Effects of a process that is killed right before its n-th change of the disk; nothing works afterwards. */
function killedBefore(n: number, counted: { changes: number }): Effects {
  let dead = false;
  return observe(effectsAt(), ({ name, args }) => {
    if (AFTER_DEATH.test(name)) return;
    if (dead) throw new Cut();
    if (!CHANGES.test(name) || args[1] === 'read') return;
    counted.changes += 1;
    dead = counted.changes === n;
    if (dead) throw new Cut();
  });
}

/** What a host could find, checked as the format says; the names of everything that does not hold. */
async function problems(workspace: string): Promise<string[]> {
  const { tree, config } = await openWorkspace(nodeEffects({}), workspace);
  const root = await currentRoot(tree, config.repository);
  const found: string[] = [];
  const index = await loadReleases(tree, root);
  for (const [product, rows] of index.rows) {
    for (const { version } of rows) {
      const release = await findRelease(tree, root, index, product, version);
      for (const { manifest } of release.manifests.values()) {
        for (const { sha256, size } of manifest.components.flatMap(
          ({ sources }) => sources,
        )) {
          const bytes = await tree.read(objectPath(sha256), size + 1);
          if (bytes?.length !== size) found.push(objectPath(sha256));
        }
      }
    }
  }
  for (const [product, channel] of await listPointers(tree)) {
    const stored = await readPointer(tree, root, product, channel);
    if (!stored?.pointer || stored.problem !== null) {
      found.push(`${product}/${channel}: ${String(stored?.problem)}`);
      continue;
    }
    const signature = await tree.read(
      `signatures/${stored.sha256}.minisig`,
      LIMITS.signatureBytes,
    );
    if (signature === null)
      found.push(`${product}/${channel}: no signature where hosts look first`);
    for (const { sha256 } of Object.values(stored.pointer.manifests))
      await readManifest(tree, root, sha256);
  }
  return found;
}

/** Kills a command before each of its changes in turn; after each, the tree must hold and a repeat must finish. */
async function killEverywhere(t: Tap, base: string, args: string[]): Promise<number> {
  const whole = `${base}-whole`;
  fs.cpSync(base, whole, { recursive: true });
  await ok(whole, args);
  const expected = filesBelow(path.join(whole, 'public'));
  for (let n = 1; ; n += 1) {
    const copy = `${base}-${n}`;
    fs.cpSync(base, copy, { recursive: true });
    const counted = { changes: 0 };
    const { status } = await qxRepo(copy, args, { effects: killedBefore(n, counted) });
    if (counted.changes < n) {
      t.equal(status, 0);
      return n - 1;
    }
    const broken = await problems(copy);
    t.same(broken, [], `killed before change ${n}`);
    await ok(copy, args);
    const after = filesBelow(path.join(copy, 'public'));
    t.same(after, expected, `finished after change ${n}`);
    t.same(fs.readdirSync(path.join(copy, '.qx-repo/staging')), []);
    fs.rmSync(copy, { recursive: true });
  }
}

type Tap = typeof t;

t.test(
  'generate, killed anywhere, leaves a whole tree and is finished by the next run',
  async (t) => {
    t.setTimeout(300_000);
    const dir = t.testdir();
    const base = await newWorkspace(path.join(dir, 'w'));
    await ok(base, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'one'),
    ]);
    const args = [
      'generate',
      '--version',
      '1.1.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'two'),
    ];
    const changes = await killEverywhere(t as Tap, base, args);
    t.ok(changes > 40, `${changes} places`);
  },
);

t.test(
  'promote, killed anywhere, leaves a whole tree and is finished by the next run',
  async (t) => {
    t.setTimeout(300_000);
    const dir = t.testdir();
    const base = await newWorkspace(path.join(dir, 'w'));
    for (const version of ['1.0.0', '1.1.0']) {
      await ok(base, [
        'generate',
        '--version',
        version,
        '--channel',
        'dev',
        ...smallRelease(dir, version),
      ]);
      if (version === '1.0.0')
        await ok(base, ['promote', 'quantix-os', 'dev', 'stable', '--issued', NOW]);
    }
    const changes = await killEverywhere(t as Tap, base, [
      'promote',
      'quantix-os',
      'dev',
      'stable',
      '--issued',
      NOW,
    ]);
    t.ok(changes > 10, `${changes} places`);
  },
);

t.test('sign, killed anywhere, never gives one serial to two pointers', async (t) => {
  t.setTimeout(300_000);
  const dir = t.testdir();
  const base = await newWorkspace(path.join(dir, 'w'));
  await ok(base, [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'one'),
  ]);
  await ok(base, ['generate', '--version', '1.1.0', ...smallRelease(dir, 'two')]);
  const edited = '{"product": "quantix-os", "channel": "dev", "version": "1.1.0"}\n';
  write(path.join(base, 'public/channels/quantix-os/dev.json'), edited);
  for (let n = 1; ; n += 1) {
    const copy = `${base}-${n}`;
    fs.cpSync(base, copy, { recursive: true });
    const counted = { changes: 0 };
    await qxRepo(copy, ['sign'], { effects: killedBefore(n, counted) });
    if (counted.changes < n) break;
    const seen = JSON.parse(
      fs.readFileSync(path.join(copy, 'public/channels/quantix-os/dev.json'), 'utf8'),
    ) as { serial?: number };
    const first = fs.readFileSync(path.join(copy, 'public/channels/quantix-os/dev.json'));
    // A minute later, so that the bytes are others wherever the pointer is made anew.
    await ok(copy, ['sign'], { now: '2026-03-01T12:01:00Z' });
    t.same(await problems(copy), []);
    const last = fs.readFileSync(path.join(copy, 'public/channels/quantix-os/dev.json'));
    const { serial } = JSON.parse(last.toString()) as { serial: number };
    if (seen.serial !== undefined && !first.equals(last)) t.ok(serial > seen.serial);
    t.ok(serial >= 2);
    fs.rmSync(copy, { recursive: true });
  }
});
