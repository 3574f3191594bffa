import { decoded } from '../content/decode.ts';
import { inPiecesOf } from '../content/pieces.ts';
import type { Landing } from '../install/fetch-object.ts';
import type { FullSource } from '../policy/plan.ts';
import type { SlotWriter } from './slot-writer.ts';

const PIECE_BYTES = 256 * 1024;

/**
 * A system image on its way into a slot, decoded while it comes. What lies there already is asked for again only
 * where the source is packed: such a stream is read from its beginning, and what it repeats is not written again.
 */
export function slotLanding(
  writer: SlotWriter,
  source: FullSource,
  contentBytes: number,
): Landing {
  let resumed = false;
  let position = 0;
  return {
    begin: async () => {
      if (!resumed) await writer.resume();
      resumed = true;
      if (writer.size === contentBytes) return source.size;
      position = source.encoding === 'identity' ? writer.size : 0;
      return position;
    },
    take: async (body) => {
      for await (const piece of inPiecesOf(PIECE_BYTES, decoded(body, source.encoding))) {
        const known = Math.min(piece.length, Math.max(0, writer.size - position));
        position += piece.length;
        if (known < piece.length) await writer.write(piece.subarray(known));
      }
    },
    finish: () => writer.finish(),
    drop: () => {
      position = 0;
      return writer.drop();
    },
  };
}
