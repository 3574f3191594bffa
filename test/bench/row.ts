/** What a run of all rows works with; the smoke test has small ones. */
export interface Scale {
  /** The object that is downloaded, and the smaller one whose memory must be the same. */
  largeBytes: number;
  smallBytes: number;
  downloads: number;
  /** Runs with nothing new. */
  runs: number;
  /** Releases of the tree that is compared with one of `young` releases. */
  old: number;
  young: number;
  generates: number;
  /** Of each component that is published. */
  publishBytes: readonly number[];
  clients: number;
}

export const FULL: Scale = {
  largeBytes: 500e6,
  smallBytes: 50e6,
  downloads: 7,
  runs: 25,
  old: 500,
  young: 5,
  generates: 15,
  publishBytes: [30e6, 20e6, 10e6],
  clients: 200,
};

/** One number, held against its bar. */
export interface Line {
  work: string;
  against: string;
  /** Both sides as they were measured, with units. */
  measured: string;
  /** What the bar is about: "1.08", "96 MB". */
  result: string;
  /** "≤ 1.4"; "–" where the number is only told. */
  bar: string;
  met: boolean;
}

export interface Place {
  /** An empty folder on disk that goes with the run. */
  dir: string;
  /** What runs when the row is over, however it ends. */
  teardown(work: () => unknown): void;
  /** One line of what is being done, for who waits. */
  say(line: string): void;
}

export interface Row {
  /** As on the command line. */
  name: string;
  measure(place: Place, scale: Scale): Promise<Line[]>;
}
