import type { Readable } from 'node:stream';

const SECONDS = 180;
const LINES_SHOWN = 25;
/** What GRUB and the kernel send to a terminal between their words. */
const CONTROL = /\x1b\[[0-9;?=]*[A-Za-z]|\x1bc|[\x00-\x08\x0e-\x1f\r]/g;

/** What a machine prints, line by line; each line is looked at once. */
export class Transcript {
  readonly lines: string[] = [];
  #looked = 0;
  #rest = '';
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(streams: Readable[], end: Promise<void>) {
    for (const stream of streams) stream.on('data', (piece: Buffer) => this.#add(piece));
    void end.then(() => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The next line that fits. Throws after so many seconds, or when the machine is off. */
  async next(pattern: RegExp, seconds = SECONDS): Promise<RegExpExecArray> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
      while (this.#looked < this.lines.length) {
        const found = pattern.exec(this.lines[this.#looked++] ?? '');
        if (found !== null) return found;
      }
      const left = until - Date.now();
      if (this.#ended || left <= 0) throw this.#failure(pattern, seconds);
      await this.#somethingNew(left);
    }
  }

  #add(piece: Buffer): void {
    const lines = (this.#rest + piece.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    const words = lines.map(withoutControl);
    this.lines.push(...words.filter((line) => line.trim() !== ''));
    this.#wake();
  }

  #somethingNew(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #failure(pattern: RegExp, seconds: number): Error {
    const why = this.#ended ? 'the machine went off' : `${seconds} s went by`;
    const last = [...this.lines.slice(-LINES_SHOWN), withoutControl(this.#rest)].join(
      '\n  ',
    );
    return new Error(`${why} before it said ${String(pattern)}; at the end:\n  ${last}`);
  }
}

/** Of whole lines only: a piece may end in the middle of a control sequence. */
function withoutControl(line: string): string {
  return line.replace(CONTROL, '');
}
