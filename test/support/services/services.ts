import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';

const MANAGER = new URL('manager.sh', import.meta.url);

/** Services of a sandbox: real processes that the program at `manager` starts and stops. */
export interface Services {
  /** For `service_manager`: `PROGRAM SERVICE start|stop|restart|status`. */
  manager: string;
  /** What a service runs: a program (an install path on this disk) and its arguments. It is not started. */
  define(service: string, program: string, ...args: string[]): void;
  /** `manager SERVICE ACTION`; its exit status. */
  call(service: string, action: string): number;
  /** Of the running service, else null. */
  pid(service: string): number | null;
  /** SHA-256 of what the service runs, read from /proc/<pid>/exe, else null. */
  runs(service: string): string | null;
  /** What it printed, over all its starts. */
  log(service: string): string;
  /** The actions that the manager was asked for, without `status`, oldest first. */
  calls(service: string): string[];
  /** Kills them, whatever the manager knows. */
  stopAll(): void;
}

/** Puts a service manager into the folder `dir`; whatever it started ends with the test. */
export function makeServices(t: Test, dir: string): Services {
  fs.mkdirSync(dir, { recursive: true });
  const manager = path.join(dir, 'manager.sh');
  fs.copyFileSync(MANAGER, manager);
  fs.chmodSync(manager, 0o755);
  const file = (service: string, kind: string): string =>
    path.join(dir, `${service}.${kind}`);
  const read = (service: string, kind: string): string =>
    fs.existsSync(file(service, kind))
      ? fs.readFileSync(file(service, kind), 'utf8')
      : '';
  const call = (service: string, action: string): number => {
    try {
      execFileSync(manager, [service, action], { stdio: 'ignore' });
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  const pid = (service: string): number | null =>
    call(service, 'status') === 0 ? Number(read(service, 'pid').split(' ')[0]) : null;
  const programs = new Set<string>();
  const stopAll = (): void => killWhatRuns(programs);
  t.teardown(stopAll);
  return {
    manager,
    define: (service, program, ...args) => {
      programs.add(program);
      const words = [program, ...args].map((word) => `${word}\n`);
      fs.writeFileSync(file(service, 'words'), words.join(''));
    },
    call,
    pid,
    runs: (service) => digestOf(pid(service)),
    log: (service) => read(service, 'log'),
    calls: (service) => read(service, 'calls').split('\n').slice(0, -1),
    stopAll,
  };
}

/**
 * Processes that have one of these paths in their command line. The folder of a test, and the manager's notes in
 * it, are gone before the teardown comes.
 */
function killWhatRuns(programs: ReadonlySet<string>): void {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.slice(0, 2).some((word) => programs.has(word)))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended a moment ago.
    }
  }
}

function digestOf(pid: number | null): string | null {
  if (pid === null) return null;
  const bytes = fs.readFileSync(`/proc/${pid}/exe`);
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

/**
 * A real program of 50 kB that does nothing for as long as its argument says ("1000d"). Each version has other
 * bytes, so that /proc/<pid>/exe tells which one runs.
 */
export function sleeper(version: string): Buffer {
  const sleep = fs.readFileSync(fs.realpathSync('/bin/sleep'));
  return Buffer.concat([sleep, Buffer.from(`\nversion ${version}\n`)]);
}

export interface ServerTraits {
  /** What /version answers and what is printed at the start. */
  version: string;
  /** The port is the first argument; this many ports further when it listens on the wrong one. */
  wrongPort?: boolean;
  /** So long after its start it begins to listen. */
  lateMs?: number;
  /** Of /health; 200 when not given. */
  healthStatus?: number;
  /** Accepts connections and never answers. */
  hangs?: boolean;
  /** Says why and ends with 1 at once. */
  exits?: boolean;
  /** Ends with 1 after so many answers. */
  diesAfter?: number;
  /** Writes into this file until the disk is full, says so and ends with 1. */
  fills?: string;
}

/** A web server as one executable script: `SCRIPT PORT`. What it does wrong stands in it. */
export function serverScript(traits: ServerTraits): string {
  return `#!${process.execPath}
const http = require('node:http');
const traits = ${JSON.stringify(traits)};
console.log('version ' + traits.version + ' starts');
if (traits.exits) {
  console.error('fatal: \\u001b[31mcannot open the database\\u001b[0m');
  process.exit(1);
}
if (traits.fills) {
  const fs = require('node:fs');
  const file = fs.openSync(traits.fills, 'a');
  try {
    for (;;) fs.writeSync(file, Buffer.alloc(65536, 'x'));
  } catch (error) {
    console.error('fatal: ' + error.code);
    process.exit(1);
  }
}
let answers = 0;
const server = http.createServer((request, reply) => {
  if (traits.hangs) return;
  answers += 1;
  const health = request.url === '/health';
  reply.writeHead(health ? (traits.healthStatus ?? 200) : 200, { connection: 'close' });
  reply.end(health ? 'health of ' + traits.version + '\\n' : traits.version + '\\n');
  if (answers === traits.diesAfter) setTimeout(() => process.exit(1), 20);
});
const port = Number(process.argv[2]) + (traits.wrongPort ? 1 : 0);
setTimeout(() => server.listen(port, '127.0.0.1'), traits.lateMs ?? 0);
`;
}
