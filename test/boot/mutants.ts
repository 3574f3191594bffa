import type { Row } from './rows.ts';
import * as table from './rows.ts';

/** A grub.cfg with one thing wrong, and the rows that must notice. */
export interface Mutant {
  what: string;
  from: string;
  to: string;
  rows: () => Row[];
}

const WRITE = 'if write_environment; then set counted=1; else choose_uncounted; fi';
const {
  stateRows,
  copyRows,
  generationRows,
  tornRows,
  hostileRows,
  failureRows,
  lyingRows,
} = table;

export const MUTANTS: Mutant[] = [
  {
    what: 'counts after the start',
    from: `    ${WRITE}\n  fi\n  start $slot $reason\n`,
    to: `    set counted=1\n  fi\n  start $slot $reason\n  write_environment\n`,
    rows: stateRows,
  },
  {
    what: 'gives a trial two tries instead of three',
    from: "'^(good|trial)-([1-8])$'",
    to: "'^(good|trial)-([2-8])$'",
    rows: stateRows,
  },
  {
    what: 'never leaves a proven slot',
    from: 'set_state "$kind-$below"',
    to: 'if [ "$kind" = "trial" ]; then set_state "$kind-$below"; fi',
    rows: stateRows,
  },
  {
    what: 'does not begin anew with what was good',
    from: 'set_state good-7',
    to: 'set_state good-0',
    rows: stateRows,
  },
  {
    what: 'stays with one slot when both are bad',
    from: 'else set next=$other; fi',
    to: 'else set next=$next; fi',
    rows: stateRows,
  },
  {
    what: 'prefers a slot without a whole image',
    from: 'if [ "$mine" = "none" -a "$others" != "none" ]',
    to: 'if [ "$mine" != "none" -a "$others" = "none" ]',
    rows: stateRows,
  },
  {
    what: 'writes the newer copy first',
    from: 'if [ "$current" = "0" ]; then set older=1; fi',
    to: 'if [ "$current" = "1" ]; then set older=1; fi',
    rows: stateRows,
  },
  {
    what: 'reads the copy with the lower generation',
    from: '"$read_generation" -gt',
    to: '"$read_generation" -lt',
    rows: stateRows,
  },
  {
    what: 'takes the second of two equal generations',
    from: '"$read_generation" -gt',
    to: '"$read_generation" -ge',
    rows: generationRows,
  },
  {
    what: 'loses the carry of a generation',
    from: 'do set zeros="0$zeros"',
    to: 'do set zeros="$zeros"',
    rows: generationRows,
  },
  {
    what: 'takes a generation that begins with 0',
    from: '([1-9][0-9]{7})',
    to: '([0-9]{8,9})',
    rows: generationRows,
  },
  {
    what: 'does not look at the end of a copy',
    from: String.raw`\1$'`,
    to: ".*$'",
    rows: tornRows,
  },
  {
    what: 'keeps the values of the copy that was read before',
    from: '  set qx_b=""\n',
    to: '',
    rows: copyRows,
  },
  {
    what: 'believes whatever stands for the next slot',
    from: '([AB]) (good',
    to: '(.*) (good',
    rows: hostileRows,
  },
  {
    what: 'gives up when the older copy cannot be written',
    from: '  write_copy $older\n}',
    to: '  return 1\n}',
    rows: copyRows,
  },
  {
    what: 'boots a trial that could not be counted',
    from: WRITE,
    to: 'if write_environment; then set counted=1; fi',
    rows: failureRows,
  },
  {
    what: 'believes save_env without reading again',
    from: 'if [ "$read_generation $read_next $read_a $read_b" = "$generation $next $a $b" ]',
    to: 'if true',
    rows: lyingRows,
  },
  {
    what: 'leaves a slot that could not be loaded although the try was counted',
    from: 'if [ -z "$counted" ]; then',
    to: 'if true; then',
    rows: failureRows,
  },
  {
    what: 'does not try the other slot when nothing was counted',
    from: '    start $other unloadable\n',
    to: '',
    rows: failureRows,
  },
  {
    what: 'boots without an initramfs that could not be loaded',
    from: 'if initrd "$partition/boot/initramfs"; then hand_over; fi',
    to: 'initrd "$partition/boot/initramfs"\n    hand_over',
    rows: failureRows,
  },
  {
    what: 'waits at the end instead of starting over',
    from: '  restart\n}',
    to: '  exit\n}',
    rows: failureRows,
  },
  {
    what: 'takes the partition before the right one',
    from: 'if [ "$two_before" = "$number" ]',
    to: 'if [ "$before" = "$number" ]',
    rows: stateRows,
  },
];
