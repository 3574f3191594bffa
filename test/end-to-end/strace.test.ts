import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { bake } from '../support/kill-table.ts';
import { needs } from '../support/needs.ts';
import { observedClient, readEffects } from '../support/observed-client.ts';
import { traced } from '../support/strace.ts';
import { publish, world } from '../support/three-components.ts';

/**
 * One real run, seen twice: by the object that all effects go through, and by the kernel. Nothing that changes
 * files may be in the second list and not in the first, or every other table of cuts and faults has a gap.
 */

type Effect = [name: string, ...words: string[]];

/** What an effect does to files, in the words of system calls; [] for one whose descriptor says where. */
function callsOf([name, first = '', second = '']: Effect): string[] {
  switch (name) {
    case 'files.open':
      if (second === 'read') return [];
      // What is made gets exactly its mode, whatever the umask.
      return [`open ${first}`, ...(second === 'create' ? [`chmod ${first}`] : [])];
    case 'files.lock':
      return [`open ${first}`];
    case 'files.rename':
      return [`rename ${first} ${second}`];
    case 'files.makeLink':
      return [`symlink ${first} ${second}`];
    case 'files.remove':
      return [`unlink ${first}`];
    case 'files.removeDirectory':
      return [`rmdir ${first}`];
    case 'files.setMode':
      return [`chmod ${first}`];
    default:
      return [];
  }
}

interface Seen {
  calls: string[];
  effects: Effect[];
}

async function seenTwice(t: Test, more: string[] = []): Promise<Seen & { dir: string }> {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const at = path.join(dir, 'host');
  host(at);
  bake(at);
  const client = await observedClient(t);
  const effects = path.join(dir, 'effects');
  const node = [`QX_EFFECTS=${effects}`, process.execPath, ...more, client];
  const trace = path.join(dir, 'trace');
  const { finished, calls } = await traced([...node, '--root', at, 'apply'], trace);
  t.equal(finished.status, 0, finished.stderr);
  const own = calls.filter((call) => !call.endsWith(` ${effects}`));
  return { dir: at, calls: own, effects: readEffects(effects) };
}

/** Calls that no effect announced. */
function bypasses({ calls, effects }: Seen): string[] {
  const announced = new Map<string, number>();
  for (const call of effects.flatMap(callsOf))
    announced.set(call, (announced.get(call) ?? 0) + 1);
  const folders = effects.filter(([name]) => name === 'files.makeDirectory');
  const opened = new Set(
    [...announced.keys()].filter((call) => call.startsWith('open ')),
  );
  return calls.filter((call) => {
    const [kind = '', place = ''] = call.split(' ');
    if (kind === 'mkdir')
      return !folders.some(([, folder = '']) => `${folder}/`.startsWith(`${place}/`));
    if (kind === 'write') return !opened.has(`open ${place}`);
    if (kind === 'sync') return false;
    const left = announced.get(call) ?? 0;
    announced.set(call, left - 1);
    return left <= 0;
  });
}

const count = (lines: readonly string[], start: string): number =>
  lines.filter((line) => line.startsWith(`${start} `)).length;

t.test('what changes files goes through the effects', needs('strace'), async (t) => {
  const seen = await seenTwice(t);
  const { calls, effects } = seen;
  t.same(bypasses(seen), []);
  const names = effects.map(([name]) => `${name} `);
  for (const [call, announced] of [
    ['write', count(names, 'files.open.write')],
    ['sync', count(names, 'files.open.sync') + count(names, 'files.syncDirectory')],
  ] as const)
    t.equal(count(calls, call), announced, call);
  const kinds = [...new Set(calls.map((call) => call.split(' ')[0] ?? ''))].sort();
  t.comment(kinds.map((kind) => `${kind} ${count(calls, kind)}`).join(', '));
  t.same(kinds, [
    'chmod',
    'mkdir',
    'open',
    'rename',
    'rmdir',
    'symlink',
    'sync',
    'unlink',
    'write',
  ]);
  t.ok(calls.length > 200);
});

t.test('what goes past the effects is found', needs('strace'), async (t) => {
  const folder = t.testdir({});
  const stray = path.join(folder, 'stray');
  const preload = path.join(folder, 'past.cjs');
  fs.writeFileSync(
    preload,
    `process.on('exit', () => {
      const fs = require('node:fs');
      fs.writeFileSync(${JSON.stringify(stray)}, 'x');
      fs.renameSync(${JSON.stringify(stray)}, ${JSON.stringify(`${stray}-2`)});
      fs.utimesSync(${JSON.stringify(`${stray}-2`)}, 1, 1);
    });`,
  );
  t.same(bypasses(await seenTwice(t, ['--require', preload])), [
    `open ${stray}`,
    `write ${stray}`,
    `rename ${stray} ${stray}-2`,
    `never ${stray}-2`,
  ]);
});
