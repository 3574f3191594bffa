import { programPath } from '../support/process.ts';
import { type Workspace, makeWorkspace } from '../support/sandbox.ts';
import { type Cost, PLAINLY, measure } from './measure.ts';

export interface Publisher extends Workspace {
  /** What `qx-repo …` in the workspace costs. */
  cost: (args: readonly string[]) => Promise<Cost>;
}

export async function makePublisher(dir: string): Promise<Publisher> {
  const workspace = await makeWorkspace(dir, 'bench');
  const program = [process.execPath, programPath('qx-repo')];
  return {
    ...workspace,
    cost: (args) => measure(PLAINLY, [...program, ...args], { cwd: dir }),
  };
}

/** `generate` of a release whose components are these files, by name. */
export function generateArgs(
  version: string,
  channel: string,
  components: Readonly<Record<string, string>>,
): string[] {
  const names = Object.keys(components);
  return [
    ...[
      'generate',
      '--product',
      'quantix-os',
      '--version',
      version,
      '--channel',
      channel,
    ],
    ...names.flatMap((name) => ['--component', `${name}=${components[name]}`]),
    ...names.flatMap((name) => ['--install-path', `${name}=/data/bin/${name}`]),
  ];
}
