import type { ForeignHand } from './foreign-hand.ts';

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
  server: ServerHome;
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
  /** Somebody else than root and this program's user could change it. */
  foreign?: ForeignHand | undefined;
}

export type OpenHow = 'read' | 'create' | 'append' | 'overwrite';

export interface Files {
  /** The whole file; QxError `malformed` when it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /**
   * The same of a file that only this program writes. A link is not followed and a pipe not waited for: for them, and
   * for what somebody else could have put there, QxError `config`.
   */
  readOwn(path: string, maxBytes: number): Promise<Buffer>;
  /** Of the path itself: a link is not followed. Null where nothing is. */
  info(path: string): Promise<FileInfo | null>;
  /** Names in a folder, sorted by their bytes. */
  list(path: string): Promise<string[]>;
  readLink(path: string): Promise<string>;
  /** The path with every link in it resolved. */
  realPath(path: string): Promise<string>;
  /** Bytes that an unprivileged process may still write below `path`. */
  freeBytes(path: string): Promise<number>;
  /** Bytes of the file system that `path` lies on, written or not. */
  totalBytes(path: string): Promise<number>;

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
  /** A folder of somebody else becomes ours alone; only root can do that. Its parent must be ours. */
  takeOver(path: string): Promise<void>;
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
  method?: 'GET' | 'HEAD' | 'POST';
  /** What a POST brings. */
  body?: string;
  headers?: Record<string, string>;
  /** Until the reply's headers are there. */
  connectTimeoutMs: number;
  /** Between two pieces of the body. */
  stallTimeoutMs: number;
  /** PEM. `ca` replaces the system's list. */
  tls?: { ca?: Buffer; certificate?: Buffer; key?: Buffer };
  /** Until the whole reply was read. No limit when it is not there. */
  totalTimeoutMs?: number;
  /** Connections are kept and used again among requests of one number; 0 when it is not there. */
  connection?: number;
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

/** A program that goes its own way. */
export interface StartedProcess {
  id: number;
  /** Its exit status, null when a signal ended it; as long as this program is there to see it. */
  ended: Promise<number | null>;
}

export interface Processes {
  /** Number of the process that this program is. */
  readonly own: number;
  /** Whether a process has this number. */
  isAlive(id: number): boolean;
  /**
   * A program in a session of its own, which goes on when this one ends, however that happens. Its input is empty, its
   * output goes to the new file `output`, its environment is that of `run`.
   */
  start(
    program: string,
    args: readonly string[],
    options: { output: string; env?: Record<string, string>; folder?: string },
  ): Promise<StartedProcess>;
  /**
   * A program to its end, or until the time limit ends it with all that it started. No shell; the folder is "/" or `folder`.
   * Its environment is PATH (ours, then the system's folders), HOME=/, LC_ALL=C.UTF-8 and `env`.
   * Of its output the last 1 MiB a stream is kept. A program that is not there throws ENOENT.
   */
  run(
    program: string,
    args: readonly string[],
    options: {
      timeoutMs: number;
      input?: Uint8Array;
      env?: Record<string, string>;
      folder?: string;
      /** Ends it like the time limit does. */
      signal?: AbortSignal;
      /** Whatever ends this process, kill -9 as well, ends the program with all that it started. */
      diesWithUs?: boolean;
    },
  ): Promise<ProcessResult>;
}

export interface ListenOptions {
  /** Port 0 is any that is free. A unix socket must not be there yet. */
  at: { host: string; port: number } | { path: string };
  /** PEM; without it the connection is plain. */
  tls?: { cert: Buffer; key: Buffer } | undefined;
  connectionsMax: number;
}

/** A request that came in. */
export interface Served {
  method: string;
  /** As the caller wrote it, path and query. */
  target: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Address that it comes from, and the one that was called; null on a unix socket. */
  caller: string | null;
  called: string | null;
  /** All of it; null when it is longer than `maxBytes`. */
  body(maxBytes: number): Promise<Buffer | null>;
}

export interface ServedReply {
  status: number;
  headers: Record<string, string>;
  /** Pieces are sent as they come, until the caller does not read any more; the signal says that it has left. */
  body: string | ((left: AbortSignal) => AsyncIterable<string>);
}

export type Answer = (request: Served) => Promise<ServedReply>;

export interface Listening {
  /** "https://127.0.0.1:8443", "unix:/run/update.sock" */
  address: string;
  /** For connections from now on. */
  setCertificate(tls: { cert: Buffer; key: Buffer }): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface ServerHome {
  /** QxError `config` when nobody can listen there. */
  listen(options: ListenOptions, answer: Answer): Promise<Listening>;
  /** Called at each SIGHUP from now on, until what it gives is called. */
  onHangup(listener: () => void): () => void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  bytes(count: number): Buffer;
}
