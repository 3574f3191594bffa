import type { Socket } from 'node:net';

const SECONDS = 180;
const KNOCK_MS = 500;

export interface Answer {
  status: number;
  /** Both streams, as they came. */
  output: string;
}

/** The other end of root/usr/lib/quantix-test/shell. */
export class GuestShell {
  readonly #socket: Socket;
  #text = '';
  #number = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => (this.#text += piece.toString('latin1')));
    // The machine went off: whoever waits for an answer says so.
    socket.on('error', () => undefined);
  }

  /** Throws when no answer comes in so many seconds; the machine may still be on its way up. */
  async run(command: string, seconds = SECONDS): Promise<Answer> {
    const until = Date.now() + seconds * 1000;
    await this.#knock(until);
    const answer = await this.#ask(command, until);
    if (answer === null) throw new Error(`no answer to "${command}" in ${seconds} s`);
    return answer;
  }

  /** What is sent before the shell has opened its port is lost, so it is asked until it answers. */
  async #knock(until: number): Promise<void> {
    for (;;) {
      const soon = Math.min(until, Date.now() + KNOCK_MS);
      if ((await this.#ask('true', soon)) !== null) return;
      if (Date.now() >= until) throw new Error('no shell on the second serial port');
    }
  }

  async #ask(command: string, until: number): Promise<Answer | null> {
    this.#number += 1;
    const number = this.#number;
    const pattern = new RegExp(`^${number} (\\d+) ([A-Za-z0-9+/=]*)\r?\n`, 'm');
    this.#socket.write(`${number} ${Buffer.from(command).toString('base64')}\n`);
    while (Date.now() < until && !this.#socket.destroyed) {
      const [, status, output = ''] = pattern.exec(this.#text) ?? [];
      if (status !== undefined) {
        this.#text = '';
        return {
          status: Number(status),
          output: Buffer.from(output, 'base64').toString(),
        };
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return null;
  }
}
