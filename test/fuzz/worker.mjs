// A thread that judges cases. The number of the case that it is at stands in shared memory: of a case that never
// ends nothing else would be heard.
import { register } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

register('../support/typescript.mjs', import.meta.url);
const { runStretch } = await import('./engine.ts');
const { targetNamed } = await import('./targets/all.ts');

const at = new Uint32Array(workerData);
parentPort.on('message', async (stretch) => {
  const report = await runStretch(targetNamed(stretch.target), stretch, (number) =>
    Atomics.store(at, 0, number),
  );
  parentPort.postMessage(report);
});
parentPort.postMessage('ready');
