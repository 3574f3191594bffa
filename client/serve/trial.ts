import type { Context } from '../commands/command.ts';
import type { Config } from '../config/config.ts';
import { removeTree } from '../effects/durable.ts';
import { QxError } from '../format/error.ts';
import { readState, writeState } from '../state/state-store.ts';
import { copyRoots } from '../state/trust-store.ts';
import type { Self } from './self.ts';
import { serveFolder } from './settings.ts';
import { sentence } from './standing.ts';

/**
 * A look by this host as it would be: it knows what this host knows (roots, serials, floors), and what it learns goes
 * with it. QxError `config` where it finds no release that it believes, or does not run at all.
 */
export async function tryOut(
  { fx: { files } }: Context,
  self: Self,
  before: Config,
  next: Config,
): Promise<void> {
  const [url = ''] = next.mirrors;
  const trial = `${serveFolder(before)}/trial`;
  await removeTree(files, trial);
  try {
    await writeState(files, trial, await readState(files, before.stateDir));
    await copyRoots(files, before.stateDir, trial);
    const words = ['check', '--url', url, '--channel', next.channel];
    const { status, error } = await self.run(words, {
      env: {
        QX_UPDATE_STATE_DIR: trial,
        QX_UPDATE_LOG: `${trial}/log`,
        QX_UPDATE_STORAGE: next.componentsDir,
      },
    });
    if (status === 0 || error?.code === 'deferred') return;
    const reason = error === null ? 'it does not answer in time' : sentence(error);
    throw new QxError('config', `this host would find no release there: ${reason}`, {
      where: `${url}, channel ${next.channel}`,
      hint: 'nothing was changed',
    });
  } finally {
    await removeTree(files, trial);
  }
}
