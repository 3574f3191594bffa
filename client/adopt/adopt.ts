import { bootMount, type Mount, mountEsp, readMounts, unmountEsp } from '../boot/esp.ts';
import { type BootDisk, findBootDisk, readPartitions } from '../boot/partitions.ts';
import type { Effects } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { type Findings, look } from './findings.ts';
import type { Plan } from './plan.ts';
export { planAdoption, planReturn } from './plan.ts';
import { carryOut } from './steps.ts';

/** What one call is to do: a plan from what is found, and whether it is only shown. */
export interface Asked {
  plan: (found: Findings) => Plan;
  dryRun: boolean;
  /** Whether the EFI system partition stays at /boot, or only for this call where it was not there before. */
  leaveMounted: boolean;
}

/**
 * Looks, plans, and carries the plan out. The partition is mounted read-only until there is a plan: a refusal and a
 * rehearsal leave every byte as it is.
 */
export async function adoptHost(
  fx: Effects,
  root: string,
  { plan, dryRun, leaveMounted }: Asked,
): Promise<Plan> {
  const partitions = await readPartitions(fx.files, root);
  const disk = findBootDisk(partitions);
  const mounts = await readMounts(fx.files, root);
  const mount = bootMount(mounts, disk);
  const planned = await peek(fx, root, disk, mounts, plan);
  if (dryRun || planned.steps.length === 0) return planned;
  if (mount === null) await mountEsp(fx, root, disk, 'rw');
  else checkWritable(mount);
  await carryOut(fx.files, root, planned.steps);
  if (mount === null && !leaveMounted) await unmountEsp(fx, root);
  return planned;
}

async function peek(
  fx: Effects,
  root: string,
  disk: BootDisk,
  mounts: readonly Mount[],
  plan: (found: Findings) => Plan,
): Promise<Plan> {
  const looked = async (): Promise<Plan> =>
    plan(await look(fx.files, root, disk, mounts));
  if (bootMount(mounts, disk) !== null) return looked();
  await mountEsp(fx, root, disk, 'ro');
  try {
    return await looked();
  } finally {
    await unmountEsp(fx, root);
  }
}

function checkWritable({ path, options }: Mount): void {
  if (!options.includes('ro')) return;
  throw new QxError('config', 'the EFI system partition is mounted read-only', {
    where: path,
    hint: `mount -o remount,rw ${path}`,
  });
}
