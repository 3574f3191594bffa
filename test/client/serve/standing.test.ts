import t from 'tap';
import { newClientState, type Refusal } from '../../../client/format/client-state.ts';
import * as hostUi from '../../../client/serve/host-ui.ts';
import { phaseOf, type Standing } from '../../../client/serve/standing.ts';
import * as vdc from '../../../client/serve/vdc.ts';
import type { Activity } from '../../../client/state/activity.ts';
import type { LastCheck } from '../../../client/state/last-check.ts';
import type { HostStatus } from '../../../client/status.ts';

/** What a host is said to do, by what its files say: in the words of its own UI, and in those of the dashboard. */

const TIME = '2026-01-31T12:00:00Z';

function refusal(code: string): Refusal {
  return { time: TIME, code, exitCode: 1, message: 'it is so', found: 'this' };
}

function running(phase: Activity['phase']): Activity {
  const bytes = { downloadedBytes: 50, totalBytes: 200, percent: 25 };
  return { phase, version: '1.1.0', component: 'qx-node', updated: TIME, ...bytes };
}

function last(result: LastCheck['result'], more: Partial<LastCheck> = {}): LastCheck {
  return { time: TIME, result, version: '1.1.0', ...more };
}

interface Row {
  why: string;
  host: Partial<HostStatus>;
  refused?: string;
  ui: string;
  vdc: string;
  message?: RegExp;
}

const ROWS: Row[] = [
  { why: 'nothing ever happened', host: {}, ui: 'idle', vdc: 'idle' },
  {
    why: 'a run looks',
    host: { activity: running('checking') },
    ui: 'checking',
    vdc: 'checking',
  },
  {
    why: 'a run fetches',
    host: { activity: running('downloading') },
    ui: 'downloading',
    vdc: 'downloading',
  },
  {
    why: 'a run installs',
    host: { activity: running('installing') },
    ui: 'applying',
    vdc: 'applying',
    message: /^installing 1\.1\.0$/,
  },
  {
    why: 'a run counts before what an earlier one was refused',
    host: { activity: running('downloading') },
    refused: 'network',
    ui: 'downloading',
    vdc: 'downloading',
  },
  {
    why: 'a system waits for the reboot',
    host: { rebootPending: true, lastCheck: last('up-to-date') },
    ui: 'reboot_required',
    vdc: 'reboot_required',
    message: /restart/,
  },
  {
    why: 'it waits, whatever was refused since',
    host: { rebootPending: true },
    refused: 'network',
    ui: 'reboot_required',
    vdc: 'reboot_required',
  },
  {
    why: 'the last run was refused',
    host: { lastCheck: last('refused') },
    refused: 'signature',
    ui: 'error',
    vdc: 'error',
    message: /^it is so; found this$/,
  },
  {
    why: 'the last run was told "not now"',
    host: { lastCheck: last('refused') },
    refused: 'deferred',
    ui: 'idle',
    vdc: 'idle',
    message: /^not now: it is so$/,
  },
  {
    why: 'a refusal that was cleared',
    host: { lastCheck: last('refused') },
    ui: 'idle',
    vdc: 'idle',
  },
  {
    why: 'there is a release',
    host: { lastCheck: last('available') },
    ui: 'available',
    vdc: 'available',
    message: /1\.1\.0 is available/,
  },
  {
    why: 'the last run installed one',
    host: { lastCheck: last('up-to-date', { installed: true }) },
    ui: 'complete',
    vdc: 'idle',
    message: /updated to version 1\.1\.0/,
  },
  {
    why: 'there is nothing newer',
    host: { lastCheck: last('up-to-date') },
    ui: 'up_to_date',
    vdc: 'idle',
  },
];

for (const row of ROWS) {
  t.test(row.why, (t) => {
    const refused = row.refused === undefined ? null : refusal(row.refused);
    const state = { ...newClientState(), last_refusal: refused };
    const quiet = { generation: null, activity: null, lastCheck: null, slots: null };
    const host: HostStatus = { ...quiet, state, rebootPending: false, ...row.host };
    const standing: Standing = {
      host,
      version: '1.0.0',
      activity: host.activity,
      ...phaseOf(host),
    };
    const ui = hostUi.statusValue(standing);
    const dashboard = vdc.statusValue(standing, 'stable', null);
    t.match(ui, { status: row.ui, ...(row.message ? { message: row.message } : {}) });
    t.match(dashboard, { status: row.vdc, current_version: '1.0.0' });
    const { message, error } = dashboard as { message?: string; error?: string };
    if (row.message) t.match(row.vdc === 'error' ? error : message, row.message);
    t.equal('error' in dashboard, row.vdc === 'error');
    t.end();
  });
}

t.test('how far a download is', (t) => {
  const activity = running('downloading');
  const host = { activity, state: newClientState(), lastCheck: null } as HostStatus;
  const standing: Standing = { host, version: '1.0.0', activity, ...phaseOf(host) };
  t.same(hostUi.statusValue(standing), {
    status: 'downloading',
    progress: {
      currentComponent: 'qx-node',
      downloadedBytes: 50,
      totalBytes: 200,
      percentage: 25,
    },
  });
  t.same(vdc.statusValue(standing, 'stable', null), {
    status: 'downloading',
    current_version: '1.0.0',
    available_version: '1.1.0',
    download_progress: 25,
    current_component: 'qx-node',
  });
  t.end();
});
