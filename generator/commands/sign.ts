import { resolve } from 'node:path';
import { printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parseSignatures } from '../../client/format/minisign/signature.ts';
import type { Context } from '../context.ts';
import { type Cosigned, addSignatures, signPending } from '../release/add-signatures.ts';
import { publishIndexes } from '../release/publish.ts';
import { SIGN_OPTIONS, type Session, openSession } from '../release/session.ts';
import { type SignedPointer, signPointers } from '../release/sign-pointers.ts';
import type { RootStep, RootWork } from '../root/request.ts';
import {
  type SentSignatures,
  type SignedRequest,
  signRequest,
} from '../root/sign-request.ts';
import { describeStep, stepRecord } from '../root/tell.ts';
import {
  type Command,
  type CommandResult,
  type Flags,
  WRITE_OPTIONS,
  writingIn,
} from './command.ts';
import { NOW_OPTION, keyLabel, rootWork } from './root-change.ts';

export const sign: Command = {
  name: 'sign',
  describe:
    'Fill in and sign pointers that were edited by hand or are close to their expiry, and all that waits in pending/',
  options: [
    {
      flag: 'fill-only',
      describe: 'Fill in and do not sign; then: minisign -Sm public/channels/…',
    },
    {
      flag: 'add FILE',
      describe: 'Take signatures that were made elsewhere (repeatable)',
    },
    {
      flag: 'renew',
      describe: 'Make every pointer anew, so that hosts look for a new root at once',
    },
    NOW_OPTION,
    ...SIGN_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: ['sign', 'sign --fill-only', 'sign --add second-signer.minisig'],
  next: ['verify', 'lint', 'preflight'],
  run: (context, _args, flags) =>
    writingIn(context, flags, 'sign', async (workspace) => {
      const sent = await readSent(context, flags.list('add'));
      const work = await rootWork(context, flags, workspace);
      const { step, rest } = flags.is('fill-only')
        ? { step: null, rest: sent }
        : await signRequest(work, sent);
      // The next root is the way out of an expired one, under which nothing else can be signed.
      const isAll = sent.length > 0 && rest.length === 0;
      const isOver = Date.parse(work.current.expires) <= context.effects.clock.now();
      if (step !== null && (isAll || (isOver && step.state !== 'published')))
        return answer(work, step, [], []);
      const session = await openSession(context, flags, workspace, work.keys);
      const { cosigned, pointers } = await signRest(session, flags, sent, rest);
      await publishIndexes(session);
      return answer(work, step, cosigned, pointers);
    }),
};

async function signRest(
  session: Session,
  flags: Flags,
  sent: readonly SentSignatures[],
  rest: SignedRequest['rest'],
): Promise<{ cosigned: Cosigned[]; pointers: SignedPointer[] }> {
  if (sent.length > 0) {
    const cosigned: Cosigned[] = [];
    for (const { path, blocks } of rest)
      cosigned.push(...(await addSignatures(session, blocks, path)));
    return { cosigned, pointers: [] };
  }
  const fillOnly = flags.is('fill-only');
  const cosigned = fillOnly ? [] : await signPending(session);
  return {
    cosigned,
    pointers: await signPointers(session, { fillOnly, renew: flags.is('renew') }),
  };
}

async function readSent(
  context: Context,
  files: readonly string[],
): Promise<SentSignatures[]> {
  const sent: SentSignatures[] = [];
  for (const file of files) {
    const path = resolve(context.cwd, file);
    const bytes = await context.effects.files.read(path, LIMITS.signatureBytes);
    sent.push({ path, blocks: parseSignatures(bytes, file) });
  }
  return sent;
}

async function answer(
  { workspace, current }: RootWork,
  step: RootStep | null,
  cosigned: readonly Cosigned[],
  pointers: readonly SignedPointer[],
): Promise<CommandResult> {
  const { dryRun, tree } = workspace;
  const label = await keyLabel(workspace);
  const lines = [
    ...(step === null ? [] : describeStep(step, current, label)),
    ...cosigned.map(describeCosigned),
    ...pointers.flatMap(describePointer),
  ];
  if (dryRun) lines.push('nothing was written (--dry-run)');
  const root = step === null ? null : stepRecord(step, current);
  return {
    value: { dryRun, root, pointers, cosigned, changes: tree.changes },
    text: lines.length > 0 ? lines.join('\n') : 'nothing to sign',
  };
}

function describeCosigned({ document, state, path, signatures }: Cosigned): string {
  if (state === 'published') return `${document}: published (${signatures} signatures)`;
  return `${document}: waits for signatures (${signatures}): ${path}`;
}

const STATES: Record<SignedPointer['state'], string> = {
  valid: 'valid, left alone',
  accepted: 'signed by hand, accepted',
  filled: 'filled in, not signed; next: minisign -Sm',
  published: 'signed',
  pending: 'waits for signatures',
};

function describePointer(pointer: SignedPointer): string[] {
  const { product, channel, version, serial, state, filled, path, signatures } = pointer;
  const head = `${product}/${channel}: ${version} serial ${serial}: ${STATES[state]}`;
  const tail =
    state === 'filled'
      ? ` public/${path}`
      : state === 'pending'
        ? ` (${signatures}): ${path}`
        : '';
  const lines = Object.entries(filled).map(
    ([key, value]) => `  ${key.padEnd(10)}  ${printable(value)}`,
  );
  return [head + tail, ...lines];
}
