import { resolve } from 'node:path';
import { printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parseSignatures } from '../../client/format/minisign/signature.ts';
import type { Context } from '../context.ts';
import { type Cosigned, addSignatures, signPending } from '../release/add-signatures.ts';
import { publishIndexes } from '../release/publish.ts';
import { SIGN_OPTIONS, type Session, openSession } from '../release/session.ts';
import { type SignedPointer, signPointers } from '../release/sign-pointers.ts';
import { type Command, WRITE_OPTIONS, writingIn } from './command.ts';

export const sign: Command = {
  name: 'sign',
  describe:
    'Fill in and sign pointers that were edited by hand or are close to their expiry',
  options: [
    {
      flag: 'fill-only',
      describe: 'Fill in and do not sign; then: minisign -Sm public/channels/…',
    },
    {
      flag: 'add FILE',
      describe: 'Take signatures that were made elsewhere (repeatable)',
    },
    ...SIGN_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: ['sign', 'sign --fill-only', 'sign --add second-signer.minisig'],
  run: (context, _args, flags) =>
    writingIn(context, flags, 'sign', async (workspace) => {
      const session = await openSession(context, flags, workspace);
      const files = flags.list('add');
      const fillOnly = flags.is('fill-only');
      const cosigned =
        files.length > 0
          ? await addFiles(context, session, files)
          : fillOnly
            ? []
            : await signPending(session);
      const pointers = files.length > 0 ? [] : await signPointers(session, fillOnly);
      await publishIndexes(session);
      const { dryRun, tree } = workspace;
      const lines = [
        ...cosigned.map(describeCosigned),
        ...pointers.flatMap(describePointer),
      ];
      if (dryRun) lines.push('nothing was written (--dry-run)');
      return {
        value: { dryRun, pointers, cosigned, changes: tree.changes },
        text: lines.length > 0 ? lines.join('\n') : 'nothing to sign',
      };
    }),
};

async function addFiles(
  context: Context,
  session: Session,
  files: readonly string[],
): Promise<Cosigned[]> {
  const done: Cosigned[] = [];
  for (const file of files) {
    const path = resolve(context.cwd, file);
    const blocks = parseSignatures(
      await context.effects.files.read(path, LIMITS.signatureBytes),
      file,
    );
    done.push(...(await addSignatures(session, blocks, path)));
  }
  return done;
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
