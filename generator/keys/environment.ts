type Environment = Readonly<Record<string, string | undefined>>;

const SECRET_VARIABLES = ['QX_REPO_SECRET_KEY', 'QX_REPO_SECRET_KEY_PASSWORD'];

/**
 * A copy of the environment, and the secrets gone from the original: programs that this one starts inherit
 * that, and Node writes it into its reports of a crash.
 */
export function takeSecrets(env: NodeJS.ProcessEnv): Environment {
  const copy = { ...env };
  for (const name of SECRET_VARIABLES) delete env[name];
  return copy;
}

/** What a program of the user's own is started with. */
export function withoutSecrets(env: Environment): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !SECRET_VARIABLES.includes(entry[0]),
  );
  return Object.fromEntries(kept);
}
