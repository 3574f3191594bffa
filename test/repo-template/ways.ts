import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { signaturePath } from '../../client/format/tree.ts';
import { type Forge, makeForge, sha256 } from '../support/forge.ts';
import { startNginx } from '../support/nginx.ts';
import { pollRelease } from '../support/polling.ts';
import { type Finished, run } from '../support/process.ts';
import { whereIs } from '../support/programs.mjs';
import { startS3 } from '../support/s3.ts';
import { ROOT } from '../support/setup.mjs';

/** A place that can be published to. */
export interface Target {
  /** Where hosts read it. */
  url: string;
  /** What the script is given. */
  destination: string;
  env: Record<string, string>;
}

export interface Way {
  script: string;
  needs: string[];
  /** The program whose calls are the steps at which publishing can be cut off. */
  step: string;
  /** Publications while hosts poll: as many as fit into some seconds. */
  publications: number;
  /** Steps from one cut to the next; 1 when not given. */
  stride?: number;
  open(t: Test, dir: string): Promise<Target>;
}

export async function openFolder(t: Test, dir: string): Promise<Target> {
  const served = path.join(dir, 'served');
  fs.mkdirSync(served);
  return { url: (await startNginx(t, served)).url, destination: served, env: {} };
}

export async function openBucket(t: Test, tool: 'aws' | 'rclone'): Promise<Target> {
  const { url, destinations, env } = await startS3(t);
  return { url, destination: destinations[tool], env };
}

const POINTER = 'channels/quantix-os/stable.json';

/** The next release of a tree, with everything that publishing has to send. */
function release(forge: Forge, serial: number): void {
  const version = `1.0.${serial}`;
  forge.release({ version, serial, manifest: { release: serial } });
  const digest = sha256(fs.readFileSync(path.join(forge.dir, POINTER)));
  const signature = fs.readFileSync(path.join(forge.dir, signaturePath(digest)));
  forge.put(`${POINTER}.minisig`, signature);
  forge.put('products/quantix-os/releases-1.json', `["${version}"]\n`);
  forge.put('repository.json', `{"version":"${version}"}\n`);
  forge.put('api/v1/channels', `["${version}"]\n`);
  forge.put(`api/v1/quantix-os/releases/${version}/qx-node.tar.gz`, version);
  forge.put(`api/v1/quantix-os/releases/${version}/system.squashfs`, version);
}

interface Site extends Target {
  dir: string;
  forge: Forge;
  publish(args?: string[], env?: Record<string, string>): Promise<Finished>;
}

async function makeSite(t: Test, way: Way): Promise<Site> {
  const dir = t.testdir();
  const forge = makeForge(path.join(dir, 'public'));
  release(forge, 1);
  const target = await way.open(t, dir);
  const script = path.join(ROOT, 'repo-template/scripts', way.script);
  const { destination } = target;
  return {
    ...target,
    dir,
    forge,
    publish: (args = [], env = {}) =>
      run('sh', [script, '--from', forge.dir, ...args, destination], {
        env: { ...target.env, ...env },
      }),
  };
}

/** Paths of the tree that are not served as they lie in it. */
async function notServed({ forge, url }: Site): Promise<string[]> {
  const names = fs.readdirSync(forge.dir, { recursive: true, encoding: 'utf8' });
  const missing: string[] = [];
  for (const name of names.sort()) {
    const file = path.join(forge.dir, name);
    if (!fs.statSync(file).isFile()) continue;
    const reply = await fetch(`${url.replace(/\/$/, '')}/${name}`);
    const same = Buffer.from(await reply.arrayBuffer()).equals(fs.readFileSync(file));
    if (reply.status !== 200 || !same) missing.push(name);
  }
  return missing;
}

async function servedVersion({ url }: Site): Promise<string> {
  const reply = await fetch(`${url.replace(/\/$/, '')}/${POINTER}`);
  return ((await reply.json()) as { version: string }).version;
}

/** A program that stands before the real one. */
function standIn(dir: string, name: string, body: string): Record<string, string> {
  const bin = path.join(dir, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env.PATH ?? ''}` };
}

/** Everything that must hold of one way to publish. */
export async function testWay(t: Test, way: Way): Promise<void> {
  await t.test('what is served is the tree', async (t) => {
    const site = await makeSite(t, way);
    for (const serial of [1, 2]) {
      release(site.forge, serial);
      const { status, stderr } = await site.publish();
      t.equal(status, 0, stderr);
      t.same(await notServed(site), []);
    }
  });

  await t.test(
    `hosts that poll while ${way.publications} releases go out see whole ones only`,
    async (t) => {
      const site = await makeSite(t, way);
      t.equal((await site.publish()).status, 0);
      const polling = pollRelease(site.url, site.forge.root, 2);
      for (let serial = 2; serial <= way.publications + 1; serial += 1) {
        release(site.forge, serial);
        const { status, stderr } = await site.publish();
        if (status !== 0) t.fail(stderr);
      }
      const { reads, serials, errors } = await polling.stop();
      t.same(errors, []);
      t.ok(serials.length > way.publications / 2, `${serials.length} releases seen`);
      t.comment(`${reads} whole releases were read`);
    },
  );

  await t.test(
    'cut off anywhere, hosts go on as before, and the next run completes it',
    async (t) => {
      const site = await makeSite(t, way);
      t.equal((await site.publish()).status, 0);
      release(site.forge, 2);
      const count = path.join(site.dir, 'count');
      const env = standIn(
        site.dir,
        way.step,
        `echo x >> ${count}; [ "$(wc -l < ${count})" -le "$QX_STEPS" ] || kill -9 $PPID; exec ${whereIs(way.step)} "$@"`,
      );
      let status: number | null = null;
      for (let steps = 0; status !== 0; steps += way.stride ?? 1) {
        fs.rmSync(count, { force: true });
        ({ status } = await site.publish([], { ...env, QX_STEPS: `${steps}` }));
        const polled = pollRelease(site.url, site.forge.root, 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const { errors, serials } = await polled.stop();
        t.same(errors, [], `after ${steps} steps`);
        t.equal(serials.length, 1);
        if (steps > 40) throw new Error('it never ends');
      }
      t.same(await notServed(site), []);
    },
  );

  await t.test('when another publisher was first, no pointer moves', async (t) => {
    const site = await makeSite(t, way);
    await site.publish();
    release(site.forge, 2);
    const env = standIn(
      site.dir,
      'qx-repo',
      `[ "$*" = "preflight ${site.url}" ] && exit 33`,
    );
    const { status } = await site.publish(['--preflight', site.url], env);
    t.equal(status, 33);
    t.equal(await servedVersion(site), '1.0.1');
    const waiting = await notServed(site);
    t.ok(waiting.includes(POINTER));
    t.ok(waiting.includes('api/v1/channels'), 'answers of the older API wait too');
    const first = /^(?:objects|manifests|signatures)|\.(?:tar\.gz|squashfs)$/;
    t.notOk(waiting.some((file) => first.test(file)));
  });

  await t.test('what was pruned is deleted at the end, and nothing else', async (t) => {
    const site = await makeSite(t, way);
    await site.publish();
    const [gone, other] = ['objects/ab/gone', 'objects/ab/other'];
    for (const name of [gone, other]) site.forge.put(name, name);
    await site.publish();
    for (const name of [gone, other]) site.forge.remove(name);
    const asked = path.join(site.dir, 'asked');
    const list = (paths: string): Record<string, string> =>
      standIn(
        site.dir,
        'qx-repo',
        `echo "$*" >> ${asked}; [ "$*" != "prune --removable" ] || printf '${paths}'`,
      );
    const status = async (name: string): Promise<number> =>
      (await fetch(`${site.url.replace(/\/$/, '')}/${name}`)).status;
    const lists: [string, number][] = [
      ['', 200],
      [`${gone}\\nobjects/ab/never\\n`, 404],
    ];
    for (const [paths, left] of lists) {
      const { status: ended, stderr } = await site.publish(['--prune'], list(paths));
      t.equal(ended, 0, stderr);
      t.equal(await status(gone), left);
      t.equal(await status(other), 200);
      t.same(await notServed(site), []);
    }
    const calls = 'prune --removable\nprune --removed\n';
    t.equal(fs.readFileSync(asked, 'utf8'), calls.repeat(2));
  });

  await t.test('a wrong call, and what is no repository, are refused', async (t) => {
    const dir = t.testdir({ empty: {} });
    const script = path.join(ROOT, 'repo-template/scripts', way.script);
    const wrong = [[], [''], ['a:b', 'c:d'], ['--delete', 'a:b'], ['--from']];
    for (const args of wrong)
      t.equal((await run('sh', [script, ...args])).status, 2, args.join(' '));
    const empty = ['--from', path.join(dir, 'empty'), 's3://bucket'];
    t.match(await run('sh', [script, ...empty]), {
      status: 2,
      stderr: 'is not a repository',
    });
  });
}
