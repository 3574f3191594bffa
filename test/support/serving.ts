import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { memoryFolder } from './memory.ts';
import { run, type Running } from './process.ts';
import { type Host, makeHost, makeWorkspace, type Workspace } from './sandbox.ts';

/** A host whose `serve` runs, and curl before it. */

export interface Replied {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  /** Of the JSON; empty where there is none. */
  value: Record<string, unknown>;
  body: string;
}

export interface Serving {
  /** "https://127.0.0.1:PORT" */
  url: string;
  port: number;
  running: Running;
  /** curl as people type it, `-k` included, with a path below /api/v1/updates/. */
  ask: (name: string, ...words: string[]) => Promise<Replied>;
  /** "Authorization: Bearer …" of this host. */
  token: () => string;
  /** SIGKILL, as a crash would end it. */
  kill: () => Promise<void>;
}

/** Starts `serve` on any free port of 127.0.0.1, and ends it with the test. */
export async function startServing(
  t: Test,
  host: Host,
  ...words: string[]
): Promise<Serving> {
  const listen = words.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const running = host.start(['serve', ...listen, ...words], { timeoutMs: 600_000 });
  const kill = async (): Promise<void> => {
    running.child.kill('SIGKILL');
    await running.ended;
  };
  t.teardown(kill);
  await running.printed(/^listening: /m);
  const url = /^listening: (https:\S+)/m.exec(running.stdout())?.[1] ?? '';
  const port = Number(url.split(':').at(-1));
  const base = `https://localhost:${port}/api/v1/updates`;
  return {
    url,
    port,
    running,
    ask: (name, ...more) => curl(['-k', ...more, `${base}/${name}`]),
    token: () => `Authorization: Bearer ${tokenOf(host)}`,
    kill,
  };
}

/** Of whichever profile. */
function tokenOf(host: Host): string {
  const files = ['/data/updates', '/var/lib/quantix-vdc/updates'].map((folder) =>
    host.path(`${folder}/serve/token`),
  );
  return fs.readFileSync(files.find((file) => fs.existsSync(file)) ?? '', 'utf8').trim();
}

/** Any call of curl; what it cannot do throws. */
export async function curl(words: string[]): Promise<Replied> {
  const { status, stdout, stderr } = await run('curl', ['-sS', '-i', ...words]);
  if (status !== 0) throw new Error(`curl ended with ${status}: ${stderr}`);
  return parseReply(stdout);
}

/** The last reply of what `curl -i` prints: one that was asked to go on is no reply. */
function parseReply(text: string): Replied {
  const replies = text.replace(/^HTTP\/\S+ 100 [\s\S]*?\r\n\r\n/, '');
  const end = replies.indexOf('\r\n\r\n');
  const [first = '', ...lines] = replies.slice(0, end).split('\r\n');
  const body = replies.slice(end + 4);
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    value: body.startsWith('{') ? (JSON.parse(body) as Record<string, unknown>) : {},
    body,
  };
}

/** Settings of [serve], beside the keys that every test host has. */
export function configureServe(host: Host, keys: Record<string, unknown>): void {
  const file = host.path('/quantix/update.toml');
  const [top = ''] = fs.readFileSync(file, 'utf8').split('[serve]\n');
  const lines = Object.entries(keys).map(
    ([key, value]) => `${key} = ${JSON.stringify(value)}\n`,
  );
  fs.writeFileSync(file, `${top}[serve]\n${lines.join('')}`);
}

export interface Site {
  dir: string;
  workspace: Workspace;
  host: Host;
  /** Publishes a version of the files and folders that are given by component. */
  publish: (
    version: string,
    components: Record<string, string>,
    ...more: string[]
  ) => Promise<void>;
}

/** A real repository for one product, and a host of it that reads it as a folder, or at `url`. */
export async function makeSite(
  t: Test,
  { product = 'quantix-os', url }: { product?: string; url?: string } = {},
): Promise<Site> {
  // Gone after what runs in it; and a socket has no room for the path of a fixture.
  const dir = memoryFolder(t);
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  const host = makeHost(path.join(dir, 'host'), {
    url: url ?? `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  host.configure({ product });
  return {
    dir,
    workspace,
    host,
    publish: async (version, components, ...more) => {
      const named = Object.entries(components).flatMap(([name, content]) => {
        const file = path.join(dir, `${name}-${version}`);
        fs.writeFileSync(file, content);
        return ['--component', `${name}=${file}`];
      });
      const words = ['--product', product, '--version', version, '--channel', 'stable'];
      await workspace.ok(['generate', ...words, '--fast', ...named, ...more]);
    },
  };
}

/** Asks until the answer is as wanted; throws with the last one after ten seconds. */
export async function askUntil(
  ask: () => Promise<Replied>,
  wanted: (reply: Replied) => boolean,
): Promise<Replied> {
  for (let tries = 0; ; tries += 1) {
    const reply = await ask();
    if (wanted(reply)) return reply;
    if (tries === 200) throw new Error(`it stays ${reply.body}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
