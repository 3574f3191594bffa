import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import { newClientState } from '../../../client/format/client-state.ts';
import { readState, writeState } from '../../../client/state/state-store.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const CHECKED = '2026-01-31T12:00:00Z';

/** A host that has written three states: 3 lies in state-1.json, 2 in state-0.json. */
async function threeStates(dir: string): Promise<void> {
  let state = newClientState();
  for (let count = 0; count < 3; count += 1) state = await writeState(files, dir, state);
}

t.test('a host without a state has a new one, and nothing is written', async (t) => {
  const dir = t.testdir();
  t.same(await readState(files, dir), newClientState());
  t.same(await readState(files, `${dir}/not/there`), newClientState());
  t.same(fs.readdirSync(dir), []);
});

t.test('generations are written in turn and the newest is read', async (t) => {
  const dir = `${t.testdir()}/updates`;
  await threeStates(dir);
  t.same(fs.readdirSync(dir), ['state-0.json', 'state-1.json']);
  t.equal((await readState(files, dir)).generation, 3);
  const read = (name: string): unknown =>
    JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
  t.match(read('state-0.json'), { generation: 2 });
  t.match(read('state-1.json'), { generation: 3 });
});

t.test('one broken generation leaves the other', async (t) => {
  for (const broken of ['', '{"type":"client-state"', 'x'.repeat(2_000_000)]) {
    const dir = t.testdir();
    await threeStates(dir);
    fs.writeFileSync(path.join(dir, 'state-1.json'), broken);
    const state = await readState(files, dir);
    t.equal(state.generation, 2);
    await writeState(files, dir, state);
    t.equal((await readState(files, dir)).generation, 3, 'the broken one is replaced');
  }
});

t.test(
  'two broken generations are an error that names both, never a new state',
  async (t) => {
    const dir = t.testdir({ 'state-0.json': 'x', 'state-1.json': '{}' });
    const error = await refusalOf(readState(files, dir));
    t.match(error, { code: 'local-state', exitCode: 30 });
    t.equal(error.where, `${dir}/state-0.json, ${dir}/state-1.json`);
    t.match(error.hint, /put back a copy/);
    t.same(fs.readFileSync(`${dir}/state-0.json`, 'utf8'), 'x', 'they stay for a person');
  },
);

t.test('one broken generation and no other is an error too', async (t) => {
  const dir = t.testdir({ 'state-0.json': 'x' });
  t.match(await refusalOf(readState(files, dir)), { code: 'local-state' });
});

t.test('a state that a newer client wrote is not fallen back behind', async (t) => {
  const dir = t.testdir();
  await threeStates(dir);
  const newer = '{"type":"client-state","format":2,"generation":4}';
  fs.writeFileSync(path.join(dir, 'state-0.json'), newer);
  const error = await refusalOf(readState(files, dir));
  t.match(error, { code: 'too-new', where: /state-0\.json/, expected: 'format 1' });
});

t.test('fields of a later version are kept, wherever they stand', async (t) => {
  const dir = t.testdir();
  const later = {
    ...newClientState(),
    last_check: CHECKED,
    slots: { a: 'good' },
    repositories: {
      example: {
        root_version: 1,
        floors: {},
        pointers: {
          'p/stable': { serial: 4, sha256: 'a'.repeat(64), rollout_seen: 12 },
        },
        mirrors_seen: ['x'],
      },
    },
  };
  await writeState(files, dir, later);
  const read = await readState(files, dir);
  t.same(read, { ...later, generation: 1 });
  await writeState(files, dir, { ...read, last_success: CHECKED });
  t.match(await readState(files, dir), {
    ...later,
    generation: 2,
    last_success: CHECKED,
  });
});

t.test('a disk that fails is not a broken state', async (t) => {
  const dir = t.testdir({ 'state-0.json': {} });
  await t.rejects(readState(files, dir), { code: 'EISDIR' });
});
