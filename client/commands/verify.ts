import type { ClientState } from '../format/client-state.ts';
import type { Root } from '../format/root.ts';
import { inspectGenerations, inspectStore } from '../install/inspect-store.ts';
import { layoutOf } from '../install/layout.ts';
import { findLeftovers } from '../install/leftovers.ts';
import { type Inspection, inspectInstalled } from '../install/verify.ts';
import type { Session } from '../session.ts';
import { inspectSlots } from '../slots/verify-slots.ts';
import { inspectState } from '../state/inspect-state.ts';
import { readState } from '../state/state-store.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { errorRecord } from '../terminal/output.ts';
import type { Command } from './command.ts';

function told(components: readonly string[], slots: readonly string[]): string {
  const images = slots.length === 0 ? '' : ` and ${slots.join(', ')} are`;
  return `${components.length} components${images === '' ? ' are' : images}`;
}

interface Deep extends Inspection {
  /** What an unfinished run left, and the next one uses or takes away. */
  leftovers: string[];
}

/** All that this host keeps, needed or not; `hashed` are contents that need not be read again. */
async function inspectDeep(
  session: Pick<Session, 'fx' | 'config' | 'layout'>,
  root: Root,
  state: ClientState,
  hashed: ReadonlySet<string>,
): Promise<Deep> {
  const documents = await inspectState(session.fx.files, session.config, root, state);
  const all = [
    await inspectStore(session, hashed),
    await inspectGenerations(session),
    documents,
  ];
  return {
    checked: all.flatMap(({ checked }) => checked),
    problems: all.flatMap(({ problems }) => problems),
    leftovers: [...documents.leftovers, ...(await findLeftovers(session))],
  };
}

const NOTHING: Deep = { checked: [], problems: [], leftovers: [] };

export const verify: Command = {
  name: 'verify',
  describe: 'Hold what is installed against what was signed; asks no network',
  options: [
    {
      flag: 'deep',
      describe: 'And all else that this host keeps, and what an unfinished run left',
    },
  ],
  examples: ['verify', 'verify --json', 'verify --deep'],
  next: ['doctor', 'rollback'],
  run: async (context, _args, flags) => {
    const { fx } = context;
    const config = await context.config();
    const { trusted } = await readTrustedRoot(
      fx.files,
      config.stateDir,
      config.trustRoot,
    );
    const state = await readState(fx.files, config.stateDir);
    const session = { fx, config, layout: layoutOf(config.componentsDir) };
    const components = await inspectInstalled(session);
    const slots = await inspectSlots(fx.files, config, state);
    const deep = flags.is('deep')
      ? await inspectDeep(session, trusted, state, components.contents)
      : NOTHING;
    const checked = [...components.checked, ...slots.checked, ...deep.checked];
    const problems = [...components.problems, ...slots.problems, ...deep.problems];
    for (const problem of problems) context.out.error(problem);
    const sound = problems.length === 0;
    const lines = [
      sound
        ? `${told(components.checked, slots.checked)} as signed; trust root ${trusted.version}`
        : `${problems.length} problems in ${checked.length} contents`,
      ...(flags.is('deep') && sound
        ? [`${deep.checked.length} things kept are sound`]
        : []),
      ...deep.leftovers.map((path) => `left by an unfinished run: ${path}`),
    ];
    return {
      value: {
        sound,
        checked,
        problems: problems.map(errorRecord),
        ...(flags.is('deep') ? { leftovers: deep.leftovers } : {}),
        trustRoot: trusted.version,
      },
      text: lines.join('\n'),
      ...(sound ? {} : { exitCode: problems[0]?.exitCode ?? 1 }),
    };
  },
};
