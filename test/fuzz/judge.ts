import { Worker } from 'node:worker_threads';
import { type Failure, makeCase, type Report, type Stretch } from './engine.ts';
import { targetNamed } from './targets/all.ts';

/** A case at which a thread stands for so long hangs, however busy the machine is. */
const HANG_MS = 60_000;
const LOOK_MS = 2_000;
/** MiB of heap: what a reader may need is bounded, whatever it is given. */
const HEAP_MB = 256;

/** A thread of its own that judges; a case that hangs or eats all memory costs the thread and is named. */
export class Judge {
  #worker: Worker | null = null;
  #at = new Uint32Array(new SharedArrayBuffer(4));

  /** All cases of the stretch, up to the first that costs the thread. */
  async run(stretch: Stretch): Promise<Report> {
    const worker = (this.#worker ??= await this.#start());
    Atomics.store(this.#at, 0, stretch.from);
    worker.postMessage(stretch);
    const end = await this.#endOf(worker);
    if (typeof end !== 'string') return withBuffers(end);
    await this.close();
    return {
      verdicts: {},
      failures: [failureOf(stretch, Atomics.load(this.#at, 0), end)],
    };
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = null;
  }

  /** The report, or why there will be none. */
  #endOf(worker: Worker): Promise<Report | string> {
    return new Promise((resolve) => {
      const look = this.#whenHanging(() => settle(`no end of it in ${HANG_MS / 1000} s`));
      const settle = (end: Report | string): void => {
        clearInterval(look);
        worker.off('message', settle).off('error', failed).off('exit', ended);
        resolve(end);
      };
      const failed = (error: Error): void => settle(`ended the thread: ${String(error)}`);
      const ended = (code: number): void => settle(`ended the thread with ${code}`);
      worker.on('message', settle).on('error', failed).on('exit', ended);
    });
  }

  #whenHanging(say: () => void): NodeJS.Timeout {
    let seen = -1;
    let still = 0;
    return setInterval(() => {
      const number = Atomics.load(this.#at, 0);
      still = number === seen ? still + LOOK_MS : 0;
      seen = number;
      if (still >= HANG_MS) say();
    }, LOOK_MS);
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: this.#at.buffer,
      // Of the test runner's own loaders nothing is needed here.
      execArgv: [],
      env: { PATH: process.env.PATH, TZ: 'UTC' },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return worker;
  }
}

function failureOf({ target, seed }: Stretch, number: number, reason: string): Failure {
  const input = makeCase(targetNamed(target), seed, number);
  return { target, seed, number, reason, input };
}

/** A thread hands out a Buffer as the array below it. */
function withBuffers({ verdicts, failures }: Report): Report {
  const whole = failures.map((each) => ({ ...each, input: Buffer.from(each.input) }));
  return { verdicts, failures: whole };
}
