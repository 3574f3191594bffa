import { inspectInstalled } from '../install/verify.ts';
import { layoutOf } from '../install/layout.ts';
import { inspectSlots } from '../slots/verify-slots.ts';
import { readState } from '../state/state-store.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { errorRecord } from '../terminal/output.ts';
import type { Command } from './command.ts';

function told(components: readonly string[], slots: readonly string[]): string {
  const images = slots.length === 0 ? '' : ` and ${slots.join(', ')} are`;
  return `${components.length} components${images === '' ? ' are' : images}`;
}

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
    const state = await readState(fx.files, config.stateDir);
    const layout = layoutOf(config.componentsDir);
    const components = await inspectInstalled({ fx, config, layout });
    const slots = await inspectSlots(fx.files, config, state);
    const checked = [...components.checked, ...slots.checked];
    const problems = [...components.problems, ...slots.problems];
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
        ? `${told(components.checked, slots.checked)} as signed; trust root ${trusted.version}`
        : `${problems.length} problems in ${checked.length} contents`,
      ...(sound ? {} : { exitCode: problems[0]?.exitCode ?? 1 }),
    };
  },
};
