/**
 * Every outside effect of both programs. One object of this type is made in main.ts and passed down;
 * nothing else touches disk, network, processes, clock or randomness. So a run can be recorded,
 * cut off before effect k, or made to fail there (observe.ts).
 *
 * Methods throw what Node throws (an Error with `code` "ENOSPC", "EACCES", …) unless they say otherwise.
 */
export interface Effects {
  files: Files;
  network: Network;
  processes: Processes;
  clock: Clock;
  random: Random;
}

export interface FileInfo {
  type: 'file' | 'directory' | 'link' | 'other';
  /** Bytes. */
  size: number;
  /** Permission bits, 0o7777 at the most. */
  mode: number;
  /** Milliseconds since 1970. */
  modifiedMs: number;
  /** The same of any change, of rights and name as well; no program can set it back. */
  changedMs: number;
  uid: number;
}

export type OpenHow = 'read' | 'create' | 'append' | 'overwrite';

export interface Files {
  /** The whole file; QxError `malformed` when it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /** Of the path itself: a link is not followed. Null where nothing is. */
  info(path: string): Promise<FileInfo | null>;
  /** Names in a folder, sorted by their bytes. */
  list(path: string): Promise<string[]>;
  readLink(path: string): Promise<string>;
  /** The path with every link in it resolved. */
  realPath(path: string): Promise<string>;
  /** Bytes that an unprivileged process may still write below `path`. */
  freeBytes(path: string): Promise<number>;

  /**
   * `read`: must exist. `create`: must not exist (O_EXCL). `append`: made when missing, written at its end.
   * `overwrite`: must exist, written in place and never cut short; EBUSY for a block device that is mounted.
   * A link as the last part of the path is refused in every mode but `read`.
   */
  open(path: string, how: OpenHow, mode?: number): Promise<OpenFile>;
  /** With its parents; nothing happens when it is there. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A symbolic link at `path` that says `target`. */
  makeLink(target: string, path: string): Promise<void>;
  /** One file or link. Nothing happens when it is missing. */
  remove(path: string): Promise<void>;
  /** One empty folder. Nothing happens when it is missing. */
  removeDirectory(path: string): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  /** fsync of a folder: what was renamed or made in it survives a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** flock(2), exclusive, not waiting; null when another process holds it. Released by any death. */
  lock(path: string): Promise<Lock | null>;
}

export interface OpenFile {
  /** Fills `buffer` from `position`; the number of bytes read, 0 at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** All of it, where the last write ended, or from byte `position` on (not with `append`). */
  write(bytes: Uint8Array, position?: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Lock {
  release(): Promise<void>;
}

export interface HttpRequest {
  url: string;
  method?: 'GET' | 'HEAD';
  headers?: Record<string, string>;
  /** Until the reply's headers are there. */
  connectTimeoutMs: number;
  /** Between two pieces of the body. */
  stallTimeoutMs: number;
  /** PEM. `ca` replaces the system's list. */
  tls?: { ca?: Buffer; certificate?: Buffer; key?: Buffer };
  /** Until the whole reply was read. No limit when it is not there. */
  totalTimeoutMs?: number;
  /** To a service of this machine, at 127.0.0.1: no proxy, and https with whatever certificate. */
  local?: boolean;
  signal?: AbortSignal | undefined;
}

export interface HttpReply {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** Throws QxError `network` when it stalls or breaks off. Leaving the loop early closes the connection. */
  body: AsyncIterable<Uint8Array>;
  /** Closes the connection without reading the body. */
  discard(): void;
}

export interface Network {
  /** One request, no redirect followed. QxError `network` for everything below HTTP. */
  request(request: HttpRequest): Promise<HttpReply>;
  /** Opens a TCP connection to a service of this machine, at 127.0.0.1, and closes it. QxError `network`. */
  connectLocal(port: number, timeoutMs: number): Promise<void>;
}

export interface ProcessResult {
  /** Exit status; null when a signal or the time limit ended it. */
  status: number | null;
  timedOut: boolean;
  stdout: Buffer;
  stderr: Buffer;
}

export interface Processes {
  /** Numeric id of the user that this program runs as. */
  readonly user: number;
  /**
   * A program to its end, or until the time limit ends it with all that it started. No shell; the folder is "/" or `folder`.
   * Its environment is PATH (ours, then the system's folders), HOME=/, LC_ALL=C.UTF-8 and `env`.
   * Output beyond 1 MiB a stream is dropped. A program that is not there throws ENOENT.
   */
  run(
    program: string,
    args: readonly string[],
    options: {
      timeoutMs: number;
      input?: Uint8Array;
      env?: Record<string, string>;
      folder?: string;
    },
  ): Promise<ProcessResult>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  bytes(count: number): Buffer;
}
