import { QxError } from '../../client/format/error.ts';
import { parseShape } from '../../client/format/document.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import { setFloor } from '../root/change.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { type ReleaseIndex, findRow, loadReleases } from '../tree/releases.ts';
import { type Command, wholeArgument } from './command.ts';
import { CHANGE_OPTIONS, type Scene, changeRoot } from './root-change.ts';

export const rootSetFloor: Command = {
  name: 'root set-floor',
  args: '<product> <release>',
  describe:
    'The lowest release that hosts accept from now on, as a release number or a version; never lowered',
  options: CHANGE_OPTIONS,
  examples: ['root set-floor quantix-os 17', 'root set-floor quantix-os 1.4.2'],
  next: ['root show', 'withdraw', 'sign'],
  run: (context, [product = '', release = ''], flags) =>
    changeRoot(context, flags, 'root set-floor', async (next, scene) => {
      parseShape(nameShape, product, 'product');
      const index = await loadReleases(scene.workspace.tree, scene.current);
      const floor = releaseNumber(index, product, release);
      await refuseBelow(scene, index, product, floor);
      return setFloor(next, scene.current, product, floor);
    }),
};

function releaseNumber(index: ReleaseIndex, product: string, text: string): number {
  return findRow(index, product, text)?.release ?? wholeArgument('release', text);
}

/** Hosts would refuse a channel that points below the floor, so the channel moves first. */
async function refuseBelow(
  { workspace, current }: Scene,
  index: ReleaseIndex,
  product: string,
  floor: number,
): Promise<void> {
  for (const [other, channel] of await listPointers(workspace.tree)) {
    if (other !== product) continue;
    const version = (await readPointer(workspace.tree, current, product, channel))
      ?.pointer?.version;
    const row = version === undefined ? undefined : findRow(index, product, version);
    if (row === undefined || row.release >= floor) continue;
    throw new QxError('rollback', 'a channel points below that floor', {
      where: `${product}/${channel}`,
      expected: `release ${floor} or later`,
      found: `release ${row.release} (${row.version})`,
      hint: 'point the channel to a later release first: every host would refuse what it has now',
    });
  }
}
