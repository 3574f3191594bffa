import t from 'tap';
import type { Generation, GenerationEntry } from '../../../client/install/generations.ts';
import { servicesToSwitch } from '../../../client/policy/restarts.ts';

type Entry = Partial<GenerationEntry> & { name: string };

const ABC = { a: 'a'.repeat(64), b: 'b'.repeat(64) };
const target = (content: keyof typeof ABC): string =>
  `../../store/${ABC[content]}/file-0755`;

function generation(...entries: Entry[]): Generation {
  return {
    type: 'generation',
    format: 1,
    generation: 1,
    installed: '2026-01-01T00:00:00Z',
    entries: entries.map((entry) => ({
      install_path: `/data/bin/${entry.name}`,
      version: '1.0.0',
      target: target('a'),
      ...entry,
    })),
  };
}

const entry = (name: string, content: keyof typeof ABC, more: Partial<Entry> = {}) => ({
  name,
  target: target(content),
  restart_service: `service-of-${name}`,
  ...more,
});

t.test('what did not change is not restarted', (t) => {
  const from = generation(entry('one', 'a'), entry('two', 'a'));
  const to = generation(entry('one', 'a'), entry('two', 'b'));
  t.same(servicesToSwitch(from, to), ['service-of-two']);
  t.same(servicesToSwitch(to, to), []);
  t.end();
});

t.test('what comes, goes, or is restarted under another name', (t) => {
  const one = generation(entry('one', 'a'));
  t.same(servicesToSwitch(null, one), ['service-of-one']);
  t.same(servicesToSwitch(one, generation()), ['service-of-one']);
  const renamed = generation(entry('one', 'b', { restart_service: 'another' }));
  t.same(servicesToSwitch(one, renamed), ['another', 'service-of-one']);
  // What the appliance came with names no service: the release that replaced it does.
  t.same(servicesToSwitch(one, generation({ name: 'one', target: target('b') })), [
    'service-of-one',
  ]);
  t.end();
});

t.test('in the declared order, then by name, our own last, each once', (t) => {
  const own = { restart_service: 'quantix-update', order: 0 };
  const shared = { restart_service: 'shared', order: 1 };
  const to = generation(
    entry('updater', 'b', own),
    entry('last', 'b', { order: 9 }),
    entry('second', 'b', shared),
    entry('zero', 'b'),
    entry('also', 'b', shared),
    entry('first', 'b'),
  );
  t.same(servicesToSwitch(null, to), [
    'service-of-first',
    'service-of-zero',
    'shared',
    'service-of-last',
    'quantix-update',
  ]);
  t.end();
});
