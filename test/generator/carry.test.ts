import path from 'node:path';
import t from 'tap';
import { newWorkspace, ok, smallRelease, write } from './support.ts';

t.test(
  '--carry for an architecture that joins takes from the release before',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const release = (...args: string[]) =>
      ok(workspace, ['generate', '--channel', 'stable', ...args]);
    for (const arch of ['x86_64', 'aarch64'])
      await release('--version', '1.0.0', '--arch', arch, ...smallRelease(dir, arch));
    const program = write(path.join(dir, 'new'), 'another program', 0o755);
    for (const arch of ['x86_64', 'aarch64']) {
      const carried = await release(
        ...['--product', 'quantix-os', '--version', '1.1.0', '--arch', arch],
        ...['--carry', '--component', `qx-node=${program}`],
      );
      t.match(carried.components, [{ name: 'host-ui', version: '1.0.0' }, {}], arch);
    }
  },
);
