import { inspectInstalled } from '../install/verify.ts';
import { layoutOf } from '../install/layout.ts';
import { readState } from '../state/state-store.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { errorRecord } from '../terminal/output.ts';
import type { Command } from './command.ts';

export const verify: Command = {
  name: 'verify',
  describe: 'Hold what is installed against what was signed; asks no network',
  examples: ['verify', 'verify --json'],
  run: async (context) => {
    const { fx } = context;
    const config = await context.config();
    const { trusted } = await readTrustedRoot(
      fx.files,
      config.stateDir,
      config.trustRoot,
    );
    await readState(fx.files, config.stateDir);
    const layout = layoutOf(config.componentsDir);
    const { checked, problems } = await inspectInstalled({ fx, config, layout });
    for (const problem of problems) context.out.error(problem);
    const sound = problems.length === 0;
    return {
      value: {
        sound,
        checked,
        problems: problems.map(errorRecord),
        trustRoot: trusted.version,
      },
      text: sound
        ? `${checked.length} components are as they were signed; trust root ${trusted.version}`
        : `${problems.length} problems in ${checked.length} components`,
      ...(sound ? {} : { exitCode: problems[0]?.exitCode ?? 1 }),
    };
  },
};
