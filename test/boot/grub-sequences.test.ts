import t from 'tap';
import { type BootState, markGood } from '../../client/boot/boot-state.ts';
import { encodeBlock, parseBlock } from '../../client/boot/grub-block.ts';
import { run } from '../support/process.ts';
import { needs } from '../support/needs.ts';
import { block, type Copies, newest } from './block.ts';
import {
  type Circumstances,
  GRUB_CFG,
  MACHINE_PROGRAMS,
  type Machine,
  newMachine,
} from './machine.ts';

const programs = needs(...MACHINE_PROGRAMS);

function disk(a: string, b: string, next: string): Copies {
  const values = { next, a, b };
  return [
    block({ generation: 10_000_000, ...values }),
    block({ generation: 10_000_001, ...values }),
  ];
}

/** So many starts, one after the other: "B trial", "A fallback" … and what the disk holds then. */
async function starts(
  machine: Machine,
  copies: Copies,
  count: number,
  met?: Circumstances,
): Promise<{ seen: string[]; copies: Copies }> {
  const seen: string[] = [];
  for (let left = count; left > 0; left -= 1) {
    const decision = await machine.start(copies, met);
    const words = /quantix\.slot=(\S+) quantix\.reason=(\S+)/.exec(decision.calls.join());
    seen.push(words?.slice(1).join(' ') ?? 'nothing');
    copies = decision.copies;
  }
  return { seen, copies };
}

/** What the client does on the running system, with its own reader and writer. */
function onTheHost(copies: Copies, step: (state: BootState) => BootState): Copies {
  const [zero, one] = copies.map(parseBlock);
  const [current, older] =
    (one?.generation ?? 0) > (zero?.generation ?? 0) ? [one, 0] : [zero, 1];
  if (current === null || current === undefined) throw new Error('unreadable');
  const after = { generation: current.generation + 1, state: step(current.state) };
  return older === 0 ? [encodeBlock(after), copies[1]] : [copies[0], encodeBlock(after)];
}

function times(count: number, what: string): string[] {
  return Array.from({ length: count }, () => what);
}

t.test('GRUB finds no fault in the syntax', needs('grub-script-check'), async (t) => {
  const { status, stderr } = await run('grub-script-check', [GRUB_CFG]);
  t.same([status, stderr], [0, '']);
});

t.test('a trial is booted three times, then the other slot', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const { seen, copies } = await starts(machine, disk('good-8', 'trial-3', 'B'), 5);
  t.same(seen, [...times(3, 'B trial'), ...times(2, 'A fallback')]);
  t.match(newest(copies), { a: 'good-6', b: 'trial-0', next: 'B' });
});

t.test(
  'a kernel that cannot be loaded uses up the trial likewise',
  programs,
  async (t) => {
    const machine = await newMachine(t.testdir());
    const broken = { fails: ['linux-B'] };
    const { seen } = await starts(machine, disk('good-8', 'trial-3', 'B'), 4, broken);
    t.same(seen, [...times(3, 'B trial'), 'A fallback']);
  },
);

t.test('a trial that is marked good stays', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const first = await starts(machine, disk('good-8', 'trial-3', 'B'), 3);
  const marked = onTheHost(first.copies, (state) => markGood(state, 'B'));
  const then = await starts(machine, marked, 8);
  t.same(then.seen, times(8, 'B proven'));
});

t.test(
  'a proven slot is left after eight boots that nobody marks',
  programs,
  async (t) => {
    const machine = await newMachine(t.testdir());
    const { seen } = await starts(machine, disk('good-8', 'good-8', 'A'), 18);
    t.same(seen, [
      ...times(8, 'A proven'),
      ...times(8, 'B fallback'),
      'A refilled',
      'A proven',
    ]);
  },
);

t.test('marking good gives all eight again', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  let copies = disk('good-8', 'good-8', 'A');
  for (let round = 0; round < 3; round += 1) {
    const run = await starts(machine, copies, 7);
    t.same(run.seen, times(7, 'A proven'));
    copies = onTheHost(run.copies, (state) => markGood(state, 'A'));
    t.match(newest(copies), { a: 'good-8', next: 'A' });
  }
});

t.test('a proven slot without an alternative is never given up', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const { seen } = await starts(machine, disk('good-2', 'trial-0', 'A'), 11);
  const again = ['A refilled', ...times(7, 'A proven')];
  t.same(seen, [...times(2, 'A proven'), ...again, 'A refilled']);
});

t.test('two bad slots take turns for ever', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const { seen } = await starts(machine, disk('bad', 'trial-0', 'B'), 4);
  t.same(seen, ['B last-resort', 'A last-resort', 'B last-resort', 'A last-resort']);
});

t.test('with nothing to read each slot gets a trial, in turn', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const lost = disk('?', '?', 'A');
  const { seen } = await starts(machine, lost, 7);
  t.same(seen, [...times(3, 'A trial'), ...times(3, 'B fallback'), 'A last-resort']);
});

t.test('on a disk that takes no writes a trial is never begun', programs, async (t) => {
  const machine = await newMachine(t.testdir());
  const { seen } = await starts(machine, disk('good-1', 'trial-3', 'B'), 4, {
    readOnly: true,
  });
  t.same(seen, times(4, 'A unwritable'));
});

t.test(
  'each start writes one copy and leaves the other as it was',
  programs,
  async (t) => {
    const machine = await newMachine(t.testdir());
    let copies = disk('good-8', 'trial-3', 'B');
    for (let boot = 0; boot < 6; boot += 1) {
      const after = (await machine.start(copies)).copies;
      const changed = after.filter(
        (bytes, index) => !bytes.equals(copies[index] ?? bytes),
      );
      t.equal(changed.length, 1, 'one copy a boot');
      copies = after;
    }
  },
);

t.test(
  'the real ends: boot finds no kernel here, reboot ends it',
  programs,
  async (t) => {
    const machine = await newMachine(t.testdir(), undefined, '');
    const { calls, copies } = await machine.start(disk('good-8', 'trial-3', 'B'));
    t.equal(calls.length, 2, 'linux and initrd of one slot');
    t.match(newest(copies), { b: 'trial-2' });
  },
);

t.test('the functions are there for a person at the prompt', programs, async (t) => {
  const ending = `
function start_chosen {
  read_environment
  set next=B
  set b=good-8
  write_environment
  exit
}
`;
  const machine = await newMachine(t.testdir(), undefined, ending);
  const { copies } = await machine.start(disk('good-8', 'trial-0', 'A'));
  t.same(newest(copies), { generation: 10_000_002, next: 'B', a: 'good-8', b: 'good-8' });
});
