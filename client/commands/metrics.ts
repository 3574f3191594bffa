import { replaceFile } from '../state/activity.ts';
import { describeExpiry } from '../expiry.ts';
import { readStatus } from '../status.ts';
import { type Command, placed } from './command.ts';

const EXPORTER_FILE = '/var/lib/prometheus/node-exporter/qx-update.prom';

export const metrics: Command = {
  name: 'metrics',
  describe:
    'What monitoring should see of this host, for the textfile collector of Prometheus; asks no network',
  options: [
    { flag: 'output FILE', describe: 'Replace this file at once instead of printing' },
  ],
  examples: ['metrics', `metrics --output ${EXPORTER_FILE}`],
  next: ['status', 'doctor'],
  run: async (context, _args, flags) => {
    const config = await context.config();
    const host = await readStatus(context.fx, config);
    const expiry = await describeExpiry(context.fx, config, host.state);
    const { metricsText } = await import('../metrics.ts');
    const text = metricsText(config, host, expiry);
    const output = flags.text('output');
    if (output === undefined) return { value: { text }, text: text.trimEnd() };
    const file = placed(context, output);
    await replaceFile(context.fx, file, Buffer.from(text));
    return { value: { file }, text: '' };
  },
};
