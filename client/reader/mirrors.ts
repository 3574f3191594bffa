import { QxError } from '../format/error.ts';
import type { BodyReply, Source } from './source.ts';

/**
 * Several places of the same tree as one. They are asked in their order, though one that failed is asked last for
 * the rest of the run. `onTrouble` hears of each that failed, and of each that lacks what another has.
 * When none has the file: `missing` if one said so, else the last error is thrown.
 */
export function openMirrors(
  sources: Source[],
  onTrouble: (base: string, error: QxError) => void,
): Source {
  const [first] = sources;
  if (first === undefined)
    throw new QxError('config', 'no place to read the tree from', {
      expected: 'url or mirrors',
    });
  const failing = new Set<Source>();
  const mirrors: Mirrors = { sources, failing, onTrouble };
  return {
    base: first.base,
    async get(path, options) {
      const missing = { status: 'missing' } as const;
      const isMissing = (reply: { status: string }): boolean =>
        reply.status === 'missing';
      return (
        (await eachInTurn(mirrors, path, (s) => s.get(path, options), isMissing)) ??
        missing
      );
    },
    stream: (path, options) =>
      eachInTurn(
        mirrors,
        path,
        async (source) => watched(await source.stream(path, options), source, failing),
        (reply) => reply === null,
      ),
  };
}

interface Mirrors {
  sources: Source[];
  failing: Set<Source>;
  onTrouble: (base: string, error: QxError) => void;
}

/** The first reply that is not `isMissing`; null when at least one was. */
async function eachInTurn<T>(
  { sources, failing, onTrouble }: Mirrors,
  path: string,
  ask: (source: Source) => Promise<T>,
  isMissing: (reply: T) => boolean,
): Promise<T | null> {
  const lacking: Source[] = [];
  let last: QxError | undefined;
  for (const source of inOrder(sources, failing)) {
    try {
      const reply = await ask(source);
      failing.delete(source);
      if (!isMissing(reply)) {
        for (const { base } of lacking)
          onTrouble(base, lackError(base, path, source.base));
        return reply;
      }
      lacking.push(source);
    } catch (error) {
      last = asTrouble(error);
      failing.add(source);
      onTrouble(source.base, last);
    }
  }
  if (lacking.length === 0 && last !== undefined) throw last;
  return null;
}

function inOrder(sources: Source[], failing: Set<Source>): Source[] {
  const well = sources.filter((source) => !failing.has(source));
  return [...well, ...sources.filter((source) => failing.has(source))];
}

/** Only what may be another at the next mirror; an abort or a defect ends the run. */
function asTrouble(error: unknown): QxError {
  if (error instanceof QxError && ['network', 'malformed', 'disk'].includes(error.code))
    return error;
  throw error;
}

function lackError(base: string, path: string, other: string): QxError {
  return new QxError('network', 'this mirror lacks a file that another has', {
    where: `${base.replace(/\/$/, '')}/${path}`,
    expected: 'the same files on every mirror',
    found: `only at ${other}`,
  });
}

/** A body that breaks off counts against its mirror, so that the next request goes elsewhere. */
function watched(
  reply: BodyReply | null,
  source: Source,
  failing: Set<Source>,
): BodyReply | null {
  return reply && { ...reply, body: watchedBody(reply.body, source, failing) };
}

async function* watchedBody(
  body: AsyncIterable<Uint8Array>,
  source: Source,
  failing: Set<Source>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    failing.add(source);
    throw error;
  }
}
