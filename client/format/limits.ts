const KiB = 1024;
const MiB = 1024 * KiB;

/** Upper bounds of everything that comes from outside. Bytes, counts and characters as named. */
export const LIMITS = {
  rootBytes: 64 * KiB,
  pointerBytes: 32 * KiB,
  signatureBytes: 16 * KiB,
  manifestBytes: 1 * MiB,
  repositoryIndexBytes: 256 * KiB,
  releasePageBytes: 256 * KiB,
  clientStateBytes: 1 * MiB,
  publicKeyBytes: 4 * KiB,
  secretKeyBytes: 4 * KiB,
  configurationBytes: 256 * KiB,

  jsonDepth: 16,
  jsonKeysPerObject: 4096,

  nameCharacters: 64,
  versionCharacters: 64,
  pathBytes: 1024,
  textCharacters: 64 * KiB,
  /** Of an attachment, as a host keeps it: its state has to stay small. */
  mediaTypeCharacters: 255,
  attachments: 64,

  signatureBlocks: 32,
  trustedCommentBytes: 8 * KiB,
  keys: 64,
  components: 256,
  sourcesPerContent: 64,
  releasesPerPage: 100,

  /** The longest that one time of a health check may be, and that one check runs altogether. */
  healthSeconds: 3600,
  healthRetries: 1000,
  /** Checks of one component. */
  healthChecks: 16,

  /** Entries of one folder component; a tar of more is refused. */
  folderEntries: 100_000,
  folderDepth: 64,

  /** A pointer lives this long at the most, so that a stolen key cannot set clocks far ahead. */
  pointerLifeDays: 400,
  /** Root versions that one run walks at the most. */
  rootStepsPerRun: 64,

  /** scrypt parameters that a secret key file may ask for: minisign's own default and no more. */
  scryptOps: 33_554_432,
  scryptMemoryBytes: 1024 * MiB,
} as const;
