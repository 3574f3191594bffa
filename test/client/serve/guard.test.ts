import t from 'tap';
import { type Change, refuse } from '../../../client/serve/guard.ts';
import type { AccessRules } from '../../../client/serve/settings.ts';

/** Who may do what, as a table: what is asked, by whom, under which [serve], and how that ends. */

interface Row {
  why: string;
  change?: Change;
  caller?: string | null;
  called?: string | null;
  headers?: Record<string, string>;
  token?: boolean;
  rules?: Partial<AccessRules>;
  /** 200 for "may be answered". */
  status: number;
}

const CLOSED: AccessRules = {
  requireToken: undefined,
  allowedOrigins: [],
  allowedHosts: [],
  legacyApply: false,
};
const LOCAL = { host: 'localhost:8443' };
const FOREIGN = { ...LOCAL, origin: 'https://evil.example' };
const UI = 'https://ui.example.com';
const OTHER = {
  caller: '10.0.0.9',
  called: '10.0.0.7',
  headers: { host: '10.0.0.7:8443' },
};
const SOCKET = { caller: null, called: null };

const ROWS: Row[] = [
  { why: 'everybody may read', status: 200 },
  { why: 'a page may read as far as its browser lets it', headers: FOREIGN, status: 200 },
  { why: 'another machine may read by the address it called', ...OTHER, status: 200 },
  {
    why: 'an IPv6 address stands in brackets',
    caller: '::1',
    called: 'fd00::7',
    headers: { host: '[fd00::7]:8443' },
    status: 200,
  },
  {
    why: 'a name that was pointed here is refused (DNS rebinding)',
    headers: { host: 'evil.example:8443' },
    status: 421,
  },
  {
    why: 'so is another address than the one that was called',
    headers: { host: '10.0.0.8:8443' },
    status: 421,
  },
  { why: 'and no name at all', headers: {}, status: 421 },
  {
    why: 'a name that is allowed is known',
    headers: { host: 'Node-7.example' },
    rules: { allowedHosts: ['node-7.example'] },
    status: 200,
  },
  {
    why: 'rebinding changes nothing with a token either',
    change: 'release',
    headers: { host: 'evil.example' },
    token: true,
    status: 421,
  },

  { why: 'the documented call works on this machine', change: 'release', status: 200 },
  {
    why: 'by each of its names',
    change: 'release',
    headers: { host: '[::1]:8443' },
    caller: '::1',
    status: 200,
  },
  { why: 'not from another machine', change: 'release', ...OTHER, status: 401 },
  {
    why: 'not from another machine that says localhost',
    change: 'release',
    ...OTHER,
    headers: LOCAL,
    status: 401,
  },
  {
    why: 'not from a page',
    change: 'release',
    headers: { ...LOCAL, origin: 'https://localhost:8443' },
    status: 401,
  },
  { why: 'not from a foreign page', change: 'release', headers: FOREIGN, status: 403 },
  {
    why: 'not from a page that hides where it is from',
    change: 'release',
    headers: { ...LOCAL, origin: 'null' },
    status: 403,
  },
  {
    why: 'not through a proxy on this machine',
    change: 'release',
    headers: { ...LOCAL, 'x-forwarded-for': '10.0.0.9' },
    status: 401,
  },
  {
    why: 'nor with a wrong token, which is no slip',
    change: 'release',
    token: false,
    status: 401,
  },
  {
    why: 'require_token = true closes it',
    change: 'release',
    rules: { requireToken: true },
    status: 401,
  },
  { why: 'it sets nothing', change: 'settings', status: 401 },
  { why: 'it clears nothing', change: 'status', status: 401 },

  { why: 'the token opens all', change: 'settings', ...OTHER, token: true, status: 200 },
  {
    why: 'a foreign page may not use it',
    change: 'settings',
    headers: FOREIGN,
    token: true,
    status: 403,
  },
  {
    why: 'a page that is named may',
    change: 'settings',
    headers: { ...LOCAL, origin: UI },
    token: true,
    rules: { allowedOrigins: [UI] },
    status: 200,
  },
  {
    why: 'a page that is named needs it',
    change: 'release',
    headers: { ...LOCAL, origin: UI },
    rules: { allowedOrigins: [UI] },
    status: 401,
  },

  {
    why: 'legacy_apply lets the older callers start',
    change: 'release',
    ...OTHER,
    rules: { legacyApply: true },
    status: 200,
  },
  {
    why: 'and clear the status',
    change: 'status',
    ...OTHER,
    rules: { legacyApply: true },
    status: 200,
  },
  {
    why: 'and a page that is named',
    change: 'release',
    headers: { ...LOCAL, origin: UI },
    rules: { legacyApply: true, allowedOrigins: [UI] },
    status: 200,
  },
  {
    why: 'no page that is not',
    change: 'release',
    headers: FOREIGN,
    rules: { legacyApply: true },
    status: 403,
  },
  {
    why: 'nor set anything',
    change: 'settings',
    ...OTHER,
    rules: { legacyApply: true },
    status: 401,
  },
  {
    why: 'require_token = false opens that too',
    change: 'settings',
    ...OTHER,
    rules: { requireToken: false },
    status: 200,
  },
  {
    why: 'but to no foreign page',
    change: 'settings',
    headers: FOREIGN,
    rules: { requireToken: false },
    status: 403,
  },

  {
    why: 'who may open the socket may change',
    change: 'settings',
    ...SOCKET,
    headers: {},
    status: 200,
  },
  {
    why: 'whom a proxy brings there may not',
    change: 'settings',
    ...SOCKET,
    headers: { ...LOCAL, 'x-forwarded-for': '10.0.0.9' },
    status: 401,
  },
  {
    why: 'nor by a name that was pointed here',
    ...SOCKET,
    headers: { host: 'evil.example', 'x-real-ip': '10.0.0.9' },
    status: 421,
  },
  {
    why: 'nor a foreign page',
    change: 'settings',
    ...SOCKET,
    headers: FOREIGN,
    status: 403,
  },
];

for (const row of ROWS) {
  t.test(row.why, (t) => {
    const { change = 'nothing', caller = '127.0.0.1', called = '127.0.0.1' } = row;
    const { headers = LOCAL, token = null, rules = {}, status } = row;
    const request = { headers, caller, called };
    const refused = refuse({ request, change, token }, { ...CLOSED, ...rules });
    t.equal(refused?.status ?? 200, status, refused?.message ?? row.why);
    t.end();
  });
}
