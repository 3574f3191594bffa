import type { Manifest } from '../format/manifest.ts';
import type { Checked } from './check.ts';
import { type Phase, sentence, type Standing } from './standing.ts';

/** What the vDC's dashboard reads: snake_case, and fewer states. */

type VdcPhase = Exclude<Phase, 'up_to_date' | 'complete'>;

function vdcPhase(phase: Phase): VdcPhase {
  return phase === 'up_to_date' || phase === 'complete' ? 'idle' : phase;
}

/** `manifest` is of the release that the last check found. */
export function statusValue(
  { phase, message, activity, version, host }: Standing,
  channel: string,
  manifest: Manifest | null,
): object {
  const { lastCheck } = host;
  const found = lastCheck?.result === 'available' ? lastCheck.version : undefined;
  const available = activity?.version ?? found;
  const failed = phase === 'error';
  return {
    status: vdcPhase(phase),
    current_version: version,
    ...(available === undefined ? {} : { available_version: available }),
    ...(activity === null ? {} : { download_progress: activity.percent }),
    ...(activity?.component === undefined
      ? {}
      : { current_component: activity.component }),
    ...(message === undefined || failed ? {} : { message }),
    ...(failed ? { error: message } : {}),
    ...(lastCheck === null ? {} : { last_check: lastCheck.time }),
    ...(available === undefined || manifest?.version !== available
      ? {}
      : { manifest: manifestValue(manifest, channel) }),
  };
}

export function checkValue(
  checked: Exclude<Checked, { what: 'failed' | 'busy' }>,
  { version }: Standing,
  channel: string,
  manifest: Manifest | null,
): object {
  const nothing = { current_version: version, available_version: '', manifest: null };
  if (checked.what === 'deferred') {
    const message = `not now: ${sentence(checked.error)}`;
    return { status: 'idle', ...nothing, message };
  }
  const { offer } = checked;
  if (offer.status !== 'available') {
    const waits = offer.status === 'reboot-pending';
    return { status: waits ? 'reboot_required' : 'idle', ...nothing };
  }
  return {
    status: 'available',
    current_version: version,
    available_version: offer.version,
    manifest: manifest === null ? null : manifestValue(manifest, channel),
  };
}

/** A manifest in the words of the older server; sizes and digests are those of what is installed. */
function manifestValue(manifest: Manifest, channel: string): object {
  const { product, version, release_date, update_type, full_image: image } = manifest;
  const components = manifest.components.map((component) => ({
    name: component.name,
    version: component.version,
    artifact: `${component.name}.tar.gz`,
    sha256: component.content.sha256,
    size_bytes: component.content.size,
    install_path: component.install_path,
    restart_service: component.restart_service ?? null,
    backup_before_update: component.backup_before_update ?? true,
    permissions: component.permissions ?? '0755',
  }));
  return {
    product,
    version,
    channel,
    release_date,
    update_type,
    components,
    ...(image === undefined
      ? {}
      : {
          full_image: {
            artifact: `${product}.img`,
            sha256: image.content.sha256,
            size_bytes: image.content.size,
            requires_reboot: image.requires_reboot,
            target_slot: image.target_slot,
          },
        }),
    min_version: manifest.min_version ?? '',
    release_notes: manifest.release_notes ?? '',
  };
}
