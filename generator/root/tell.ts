import type { Root } from '../../client/format/root.ts';
import { type KeyLabel, differences } from './difference.ts';
import type { RootStep } from './request.ts';

/** What a step says to people: where root N+1 is, what it changes, and what is to be done next. */
export function describeStep(step: RootStep, current: Root, label: KeyLabel): string[] {
  const { root, signers, countersigned } = step;
  const done = countersigned.filter(({ state }) => state === 'signed');
  const lacking = countersigned.filter(({ state }) => state === 'pending');
  const left = countersigned.filter(({ state }) => state === 'left');
  return [
    headOf(step),
    ...differences(current, root, label).map((line) => `  ${line}`),
    ...(signers.length === 0 ? [] : [`signed by ${signers.map(label).join(', ')}`]),
    ...done.map(({ document }) => `signed again: ${document}`),
    ...left.map(
      ({ document }) =>
        `not signed again: ${document}, after which no honest one would count; next: qx-repo sign makes it anew`,
    ),
    ...lacking.map(
      ({ document, signatures, path }) =>
        `waits for signatures (${signatures}): ${document}: ${path}`,
    ),
    ...nextOf(step),
  ];
}

function headOf({ state, root, path, signatures }: RootStep): string {
  const name = `root ${root.version}`;
  if (state === 'published') return `${name}: published (${signatures})`;
  if (state === 'held')
    return `${name}: signed (${signatures}), held until what hosts have counts under it: ${path}`;
  return `${name}: waits for signatures (${signatures}): ${path}`;
}

function nextOf({ state, path, countersigned, unasked }: RootStep): string[] {
  const lacking = countersigned.some((each) => each.state === 'pending');
  if (state === 'pending') {
    return [
      ...(unasked === true
        ? ['next: qx-repo sign signs it with the keys that are here']
        : []),
      `${unasked === true ? 'and:' : 'next:'} send that file to the other signers; each answers with "qx-repo root cosign FILE" or "minisign -Sm FILE"`,
      `then: qx-repo sign --add ${path}.minisig`,
    ];
  }
  if (!lacking) return [];
  const how =
    'sign them where the keys are (minisign -Sm FILE), then qx-repo sign --add FILE.minisig';
  return state === 'held'
    ? [
        `next: ${how}; or, after a theft, qx-repo sign --now: hosts refuse those until they are signed`,
      ]
    : [`hosts refuse those until they are signed: ${how}`];
}

/** The same for --json. */
export function stepRecord(step: RootStep, current: Root) {
  const { state, root, path, signatures, signers, countersigned } = step;
  const changes = differences(current, root, (id) => id);
  const { version } = root;
  return { state, version, path, signatures, signers, changes, countersigned };
}
