import net from 'node:net';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** What tells a machine that computes from one that waits, and an interrupt that is lost from one that never came. */
const QUESTIONS = [
  'info status',
  'info registers',
  'info registers',
  'info lapic',
  'info pic',
  'info block',
  'info virtio-queue-status /machine/peripheral-anon/device[0]/virtio-backend 0',
];

/** Registers that say nothing about where a machine waits. */
const UNWANTED = /\r|^(XMM|FPR|FCW|DR).*\n/gm;
const SILENCE_MS = 10_000;
/** Before a question that was just asked is asked again. */
const PAUSE_MS = 1000;

/**
 * What a machine that is on does just now, in QEMU's words, asked again a second later where time should pass. `socket` is that
 * of QEMU's machine protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export async function whatItDoes(socket: string): Promise<string> {
  const connection = net.connect(socket);
  connection.setTimeout(SILENCE_MS, () => connection.destroy());
  connection.on('error', () => undefined);
  try {
    const lines = readline.createInterface({ input: connection });
    const said = lines[Symbol.asyncIterator]();
    const ask = async (request: object): Promise<string> => {
      connection.write(`${JSON.stringify(request)}\n`);
      for (;;) {
        const line = (await said.next()) as IteratorResult<string, undefined>;
        if (line.value === undefined) return 'no answer';
        const answer = JSON.parse(line.value) as {
          return?: string | object;
          error?: object;
        };
        if (typeof answer.return === 'string') return answer.return;
        if (answer.return !== undefined || answer.error !== undefined) return line.value;
      }
    };
    await ask({ execute: 'qmp_capabilities' });
    const answers: string[] = [];
    for (const [at, question] of QUESTIONS.entries()) {
      if (question === QUESTIONS[at - 1]) await sleep(PAUSE_MS);
      const words = { 'command-line': question };
      const answer = await ask({ execute: 'human-monitor-command', arguments: words });
      answers.push(`${question}\n${answer.replaceAll(UNWANTED, '').trim()}`);
    }
    return answers.join('\n');
  } finally {
    connection.destroy();
  }
}
