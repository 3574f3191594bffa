/** Where things lie on one kind of appliance. All paths are absolute on the appliance. */
export interface Profile {
  name: string;
  /** The folder of update.toml; survives a reboot. */
  configDir: string;
  stateDir: string;
  /** Store, generations and staging: one file system. */
  componentsDir: string;
  /** Where readers of the older layout look for the versions of components; null where there never were any. */
  versionsDir: string | null;
  /** Whether the appliance has QUANTIX-A and QUANTIX-B. */
  slots: boolean;
  /** Install paths and services that a manifest may name on this host. */
  allowPaths: readonly string[];
  allowServices: readonly string[];
}

export const PROFILES: Readonly<Record<string, Profile>> = {
  'quantix-os': {
    name: 'quantix-os',
    configDir: '/quantix',
    stateDir: '/data/updates',
    componentsDir: '/data/components',
    versionsDir: '/data/versions',
    slots: true,
    allowPaths: [
      '/data/bin/qx-node',
      '/data/bin/qx-console',
      '/data/share/quantix-host-ui',
    ],
    allowServices: ['quantix-node', 'quantix-console'],
  },
  'quantix-vdc': {
    name: 'quantix-vdc',
    configDir: '/etc/quantix-vdc',
    stateDir: '/var/lib/quantix-vdc/updates',
    componentsDir: '/var/lib/quantix-vdc/components',
    versionsDir: null,
    slots: false,
    allowPaths: [
      '/usr/bin/qx-controlplane',
      '/usr/share/quantix-vdc/dashboard',
      '/usr/share/quantix-vdc/migrations',
    ],
    allowServices: ['quantix-controlplane'],
  },
  /** Any other product: it allows nothing until the configuration does. */
  generic: {
    name: 'generic',
    configDir: '/etc/quantix',
    stateDir: '/var/lib/quantix/updates',
    componentsDir: '/var/lib/quantix/components',
    versionsDir: null,
    slots: false,
    allowPaths: [],
    allowServices: [],
  },
};

/** Files that are tried in this order when no --config is given. */
export const DEFAULT_CONFIG_FILES = [
  '/quantix/update.toml',
  '/etc/quantix/update.toml',
] as const;
