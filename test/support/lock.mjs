// A lock that several processes wait for, one after the other: set-ups of one folder, builds of one disk.
// mkdir is the lock; the file in it says who holds it, so that a killed holder is noticed.
import fs from 'node:fs';
import path from 'node:path';

const LOCK_WAIT_MS = 15 * 60_000;
/** A lock folder without an owner's number is one that was made a moment ago, or whose maker died. */
const LOCK_UNOWNED_MS = 10_000;

/** What gives the lock `folder` back; undefined while somebody else holds it. */
export function tryLock(folder) {
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  while (!makeLock(folder)) {
    if (!isAbandoned(folder)) return undefined;
    setAside(folder);
  }
  const release = () => fs.rmSync(folder, { recursive: true, force: true });
  process.once('exit', release);
  return () => {
    process.off('exit', release);
    release();
  };
}

/** The same, waiting for it. Blocks: nothing else of this process runs meanwhile. */
export function takeLock(folder, say) {
  const until = Date.now() + LOCK_WAIT_MS;
  for (let told = false; ; told = true) {
    const release = tryLock(folder);
    if (release !== undefined) return release;
    if (!told) say('setup: waiting for another set-up in this folder');
    if (Date.now() > until)
      throw new Error(`another set-up holds ${folder}; remove it if none is running`);
    sleep(200);
  }
}

function makeLock(folder) {
  try {
    fs.mkdirSync(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  fs.writeFileSync(path.join(folder, 'owner'), String(process.pid));
  return true;
}

function isAbandoned(folder) {
  const owner = ownerOf(folder);
  if (Number.isInteger(owner) && owner > 0) return !isAlive(owner);
  const made = fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return made !== 0 && Date.now() - made > LOCK_UNOWNED_MS;
}

function ownerOf(folder) {
  try {
    return Number(fs.readFileSync(path.join(folder, 'owner'), 'utf8'));
  } catch {
    return Number.NaN;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** By rename, which only one of several that noticed can do. */
function setAside(folder) {
  const aside = `${folder}.${process.pid}.old`;
  try {
    fs.renameSync(folder, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return;
  }
  fs.rmSync(aside, { recursive: true, force: true });
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
