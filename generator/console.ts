import type { ReadStream } from 'node:tty';
import { QxError } from '../client/format/error.ts';
import type { Sink } from '../client/terminal/output.ts';
import type { ConsoleInput } from './context.ts';

const PASSWORD_BYTES_MAX = 4096;
const ENTER = [0x0a, 0x0d, 0x04];
const BACKSPACE = [0x08, 0x7f];
const CONTROL_C = 0x03;

/** Standard input as a source of passwords. */
export function consoleInput(stdin: ReadStream, stderr: Sink): ConsoleInput {
  return {
    isTerminal: stdin.isTTY,
    readAll: () => readAll(stdin),
    askHidden: async (question) => {
      // First: what is typed as soon as the question is there must not be shown.
      stdin.setRawMode(true);
      stderr.write(question);
      try {
        return await readLine(stdin);
      } finally {
        stdin.setRawMode(false);
        stdin.pause();
        stderr.write('\n');
      }
    },
  };
}

async function readAll(stdin: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stdin) {
    pieces.push(piece as Buffer);
    size += (piece as Buffer).length;
    if (size > PASSWORD_BYTES_MAX)
      throw new QxError('usage', 'a password is not that long');
  }
  return Buffer.concat(pieces);
}

/** Keys as they are pressed, up to Enter; the terminal is in raw mode, so Ctrl-C is a byte too. */
function readLine(stdin: ReadStream): Promise<Buffer> {
  const typed: number[] = [];
  return new Promise((resolve, reject) => {
    const finish = (end: () => void): void => {
      stdin.off('data', onData);
      end();
    };
    const onData = (bytes: Buffer): void => {
      for (const byte of bytes) {
        if (ENTER.includes(byte)) {
          finish(() => {
            resolve(Buffer.from(typed));
          });
          return;
        }
        if (byte === CONTROL_C) {
          finish(() => {
            reject(new QxError('usage', 'no password was given'));
          });
          return;
        }
        if (BACKSPACE.includes(byte)) dropCharacter(typed);
        else typed.push(byte);
      }
    };
    stdin.on('data', onData);
    stdin.resume();
  });
}

/** One character of UTF-8 from the end: its continuation bytes and the first one. */
function dropCharacter(typed: number[]): void {
  let byte = typed.pop();
  while (byte !== undefined && (byte & 0xc0) === 0x80) byte = typed.pop();
}
