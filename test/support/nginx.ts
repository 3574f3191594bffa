import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type Running, start } from './process.ts';
import { whereIs } from './programs.mjs';
import { ROOT } from './setup.mjs';

export interface LoggedRequest {
  method: string;
  path: string;
  status: number;
  /** The Range header as it came, "bytes=1048576-". */
  range: string | undefined;
  /** Headers included; bytes that still lay in socket buffers when the client left count as sent. */
  bytesSent: number;
}

export interface Nginx {
  /** "http://127.0.0.1:PORT/", or https */
  url: string;
  port: number;
  /** Finished requests so far, oldest first. */
  requests(): LoggedRequest[];
  /** The same, once `enough` says so; throws after ten seconds. */
  requestsWhen(enough: (requests: LoggedRequest[]) => boolean): Promise<LoggedRequest[]>;
  clearLog(): void;
  stop(): Promise<void>;
}

export interface NginxOptions {
  /** More lines for the server block, "limit_rate 20m;". */
  directives?: string;
  /** Serves https too, with the lines of the template that are there for it: files of the certificate and key. */
  tls?: { certificate: string; key: string };
  /** After a stop, to come back on the same port. */
  port?: number;
}

const LOG_FORMAT = '$request_method $uri $status "$http_range" $bytes_sent';
const LOG_LINE = /^(\S+) (.+) (\d{3}) "(.*)" (\d+)$/;
const START_ATTEMPTS = 5;

/** Whoever a server belongs to and ends with: a test, a row of the bench. */
export interface Owner {
  teardown(work: () => unknown): unknown;
}

/**
 * A real nginx on a free loopback port, with the server block that users get from repo-template.
 * It runs as the user of the test, keeps all of its files in a folder of its own and ends with its owner.
 */
export async function startNginx(
  t: Owner,
  tree: string,
  options: NginxOptions = {},
): Promise<Nginx> {
  const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-nginx-'));
  t.teardown(() => fs.rmSync(prefix, { recursive: true, force: true }));
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    fs.writeFileSync(
      path.join(prefix, 'nginx.conf'),
      configuration(prefix, tree, port, options),
    );
    const running = start(
      whereIs('nginx') ?? 'nginx',
      ['-p', prefix, '-c', 'nginx.conf', '-e', 'error.log'],
      {
        timeoutMs: 3_600_000,
      },
    );
    const scheme = options.tls === undefined ? 'http' : 'https';
    if (await answers(running, port)) return handle(t, prefix, port, running, scheme);
    // Somebody else took the port between our look and nginx's.
    if (attempt === START_ATTEMPTS)
      throw new Error(`nginx does not start: ${errorLog(prefix)}`);
  }
}

function handle(
  t: Owner,
  prefix: string,
  port: number,
  running: Running,
  scheme: string,
): Nginx {
  const log = path.join(prefix, 'access.log');
  const requests = (): LoggedRequest[] => parseLog(fs.readFileSync(log, 'utf8'));
  const stop = async (): Promise<void> => {
    running.child.kill('SIGTERM');
    await running.ended;
  };
  t.teardown(stop);
  return {
    url: `${scheme}://127.0.0.1:${port}/`,
    port,
    requests,
    requestsWhen: (enough) => waitFor(requests, enough),
    clearLog: () => fs.truncateSync(log),
    stop,
  };
}

function configuration(
  prefix: string,
  tree: string,
  port: number,
  options: NginxOptions,
): string {
  return `daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {}
http {
  log_format ranges '${LOG_FORMAT}';
  access_log access.log ranges;
  # What a distribution's own nginx.conf may have switched on for every site.
  gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${prefix}/${name};`).join(' ')}
${serverBlock(tree, port, options.directives ?? '', options.tls)}
}
`;
}

/** What users get, with the lines that are theirs filled in. */
export function serverBlock(
  tree: string,
  port: number,
  directives: string,
  tls?: NginxOptions['tls'],
): string {
  const template = fs.readFileSync(
    path.join(ROOT, 'repo-template/hosting/nginx.conf'),
    'utf8',
  );
  const block = template
    .replace(/^ *#?listen \[::\]:\d+.*\n/gm, '')
    .replace(/root \S+;/, `root "${tree}";`);
  const listen = `listen 127.0.0.1:${port}`;
  if (tls === undefined) return block.replace(/listen 80;/, `${listen}; ${directives}`);
  return block
    .replace(/^ *listen 80;\n/m, '')
    .replace(/^( *)#(?=listen 443|ssl_)/gm, '$1')
    .replace(/listen 443 ssl;/, `${listen} ssl; ${directives}`)
    .replace(/\/etc\/ssl\/quantix\/fullchain.pem/, tls.certificate)
    .replace(/\/etc\/ssl\/quantix\/key.pem/, tls.key);
}

/** One that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function answers(running: Running, port: number): Promise<boolean> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (running.child.exitCode !== null) return false;
    if (await connects(port)) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  running.child.kill('SIGKILL');
  return false;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const end = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on('connect', end(true)).on('error', end(false));
  });
}

function parseLog(text: string): LoggedRequest[] {
  const lines = text.split('\n').flatMap((line) => {
    const fields = LOG_LINE.exec(line);
    return fields === null ? [] : [fields];
  });
  return lines.map(([, method = '', path = '', status, range, sent]) => ({
    method,
    path,
    status: Number(status),
    range: range === '-' ? undefined : range,
    bytesSent: Number(sent),
  }));
}

async function waitFor(
  requests: () => LoggedRequest[],
  enough: (requests: LoggedRequest[]) => boolean,
): Promise<LoggedRequest[]> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (enough(requests())) return requests();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nginx's log never showed it: ${JSON.stringify(requests())}`);
}

function errorLog(prefix: string): string {
  const file = path.join(prefix, 'error.log');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').slice(-2000) : 'no log';
}
