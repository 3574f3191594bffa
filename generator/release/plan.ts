import { resolve } from 'node:path';
import { QxError } from '../../client/format/error.ts';
import type { ComponentDefaults, ProductConfig } from '../workspace/config.ts';
import type { ReleaseFile } from './release-toml.ts';

/** What `generate` was asked for, from flags, release.toml and quantix-repo.toml together. */
export interface ReleasePlan {
  product: string;
  /** Undefined with --bump. */
  version: string | undefined;
  channel: string | undefined;
  arch: string;
  compatible: string | undefined;
  notes: string | undefined;
  /** Absolute path of a file with the notes; counts when `notes` is undefined. */
  notesFile: string | undefined;
  minVersion: string | undefined;
  floor: number | undefined;
  dependencies: NonNullable<ReleaseFile['dependencies']>;
  /** By name, sorted. */
  components: ComponentPlan[];
  image: ImagePlan | undefined;
  /** Size of a slot on this product's hosts; 0 without slots, undefined when nobody has said. */
  slotBytes: number | undefined;
  attachments: AttachmentPlan[];
  carry: boolean;
  /** The version whose components are carried over; the channel's own, or without a channel the newest. */
  carryFrom?: string | undefined;
  /** The next version is a pre-release on every channel, not on dev alone. */
  preRelease?: boolean;
}

export interface ComponentPlan {
  name: string;
  /** The release's own when undefined. */
  version: string | undefined;
  /** Absolute. */
  path: string;
  patterns: readonly string[] | undefined;
  fields: ComponentDefaults;
}

export interface ImagePlan {
  path: string;
  requiresReboot: boolean;
  components: Record<string, string> | undefined;
}

/** `name` is its kind: `sbom`, `provenance`, or any other. */
export interface AttachmentPlan {
  name: string;
  /** Absolute. */
  path: string;
  mediaType: string | undefined;
}

export interface PlanFlags {
  product?: string | undefined;
  version?: string | undefined;
  bump: boolean;
  channel?: string | undefined;
  arch?: string | undefined;
  notes?: string | undefined;
  minVersion?: string | undefined;
  image?: string | undefined;
  carry: boolean;
  components: readonly [string, string][];
  installPaths: readonly [string, string][];
  services: readonly [string, string][];
  /** Kind and path; several may be of one kind. */
  attachments: readonly [string, string][];
}

/** Which product, before its part of quantix-repo.toml can be read. QxError `usage` when nobody says. */
export function plannedProduct(flags: PlanFlags, file: ReleaseFile): string {
  return needed(flags.product ?? file.product, 'product', '--product quantix-os');
}

/**
 * Flags win over release.toml, which wins over quantix-repo.toml.
 * `cwd` is the folder of relative paths in flags, `fileDir` of those in release.toml.
 */
export function planRelease(
  flags: PlanFlags,
  file: ReleaseFile,
  config: ProductConfig,
  folders: { cwd: string; fileDir: string },
): ReleasePlan {
  const image = planImage(flags, file, folders);
  const plan: ReleasePlan = {
    product: plannedProduct(flags, file),
    version: plannedVersion(flags, file),
    channel: flags.channel ?? file.channel,
    arch: flags.arch ?? file.arch ?? config.arch ?? 'any',
    compatible: file.compatible ?? config.compatible,
    notes: flags.notes === undefined ? file.notes : undefined,
    notesFile: notesPath(flags, file, folders),
    minVersion: flags.minVersion ?? file.min_version,
    floor: file.floor,
    dependencies: file.dependencies ?? [],
    components: planComponents(flags, file, config, folders),
    image,
    slotBytes: config.slot_bytes,
    attachments: planAttachments(flags, file, folders),
    carry: flags.carry || (file.carry ?? false),
  };
  if (plan.components.length > 0 || image !== undefined || plan.carry) return plan;
  throw new QxError('usage', 'a release of nothing', {
    hint: '--component name=path, --image path, or --from release.toml',
  });
}

function plannedVersion(flags: PlanFlags, file: ReleaseFile): string | undefined {
  if (flags.bump && flags.version !== undefined) {
    throw new QxError('usage', '--version and --bump exclude each other');
  }
  if (flags.bump) return undefined;
  return needed(
    flags.version ?? file.version,
    'version',
    '--version 1.4.2, or --bump for the next one',
  );
}

function needed(value: string | undefined, what: string, hint: string): string {
  if (value !== undefined) return value;
  throw new QxError('usage', `a release needs a ${what}`, { hint });
}

function notesPath(
  flags: PlanFlags,
  file: ReleaseFile,
  folders: { cwd: string; fileDir: string },
): string | undefined {
  if (flags.notes !== undefined) return resolve(folders.cwd, flags.notes);
  return file.notes_file === undefined
    ? undefined
    : resolve(folders.fileDir, file.notes_file);
}

function planImage(
  flags: PlanFlags,
  file: ReleaseFile,
  folders: { cwd: string; fileDir: string },
): ImagePlan | undefined {
  if (flags.image === undefined && file.image === undefined) return undefined;
  const path =
    flags.image === undefined
      ? resolve(folders.fileDir, file.image?.path ?? '')
      : resolve(folders.cwd, flags.image);
  const requiresReboot = file.image?.requires_reboot ?? true;
  return { path, requiresReboot, components: file.image?.components };
}

/** Those of the command line come behind those of release.toml: a kind may be there more than once. */
function planAttachments(
  flags: PlanFlags,
  file: ReleaseFile,
  folders: { cwd: string; fileDir: string },
): AttachmentPlan[] {
  const described = (file.attachments ?? []).map(({ name, path, media_type }) => ({
    name,
    path: resolve(folders.fileDir, path),
    mediaType: media_type,
  }));
  const given = flags.attachments.map(([name, path]) => ({
    name,
    path: resolve(folders.cwd, path),
    mediaType: undefined,
  }));
  return [...described, ...given];
}

function planComponents(
  flags: PlanFlags,
  file: ReleaseFile,
  config: ProductConfig,
  folders: { cwd: string; fileDir: string },
): ComponentPlan[] {
  const paths = new Map(flags.components);
  const described = file.components ?? {};
  const names = [...new Set([...paths.keys(), ...Object.keys(described)])].sort();
  refuseStray(flags, names);
  return names.map((name) => {
    const { path, files, version, ...own } = described[name] ?? {};
    const given = paths.get(name);
    return {
      name,
      version,
      path:
        given === undefined
          ? resolve(folders.fileDir, path ?? '')
          : resolve(folders.cwd, given),
      patterns: files,
      fields: { ...config.components[name], ...own, ...flagFields(flags, name) },
    };
  });
}

function flagFields(flags: PlanFlags, name: string): ComponentDefaults {
  const of = (pairs: readonly [string, string][]): string | undefined =>
    pairs.find(([first]) => first === name)?.[1];
  const installPath = of(flags.installPaths);
  const service = of(flags.services);
  return {
    ...(installPath === undefined ? {} : { install_path: installPath }),
    ...(service === undefined ? {} : { restart_service: service }),
  };
}

/** `--install-path` of a component that this release does not bring would be passed over in silence. */
function refuseStray(flags: PlanFlags, names: readonly string[]): void {
  const stray = [...flags.installPaths, ...flags.services].find(
    ([name]) => !names.includes(name),
  );
  if (stray === undefined) return;
  throw new QxError(
    'usage',
    'an install path or service of a component that is not named',
    {
      expected: names.join(', '),
      found: stray[0],
    },
  );
}
