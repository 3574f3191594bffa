/** Why a generation cannot stay. */
export interface Trouble {
  /** One line: what failed. */
  message: string;
  /** What it said, if anything. */
  output: string;
  /** Not now: nothing is wrong with the release, and the next run tries it again. */
  deferred?: true;
  /** It was given up on, and may need more time. */
  timedOut?: true;
}
