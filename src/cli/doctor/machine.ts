/** Checks of the machine: Node, memory, disk, clock. */
import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { readMachine } from '../../actors/host/machine-facts.js';
import { modelFolders } from '../../model-folders.js';
import type { MachineFacts } from '../../rules/choose.js';
import { spareDiskBytes } from '../../rules/model-fetch.js';
import { systemClock } from '../../runtime/clock.js';
import { bestOf, freeDiskBytes } from '../recommendation.js';
import { showBytes } from '../sizes.js';
import { fail, ok, warn, type Check, type Finding } from './finding.js';

/** Must match package.json. */
export const leastNode = [20, 19] as const;

export const checkNode = (version = process.versions.node): Finding => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const what = `Node ${version} on ${process.platform} ${process.arch}`;
  return major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])
    ? ok(`${what}.`)
    : fail(`${what} is too old.`, `Install Node ${leastNode.join('.')} or newer: https://nodejs.org`);
};

/** Enough for the demo model and a little for everything else. */
const leastMemoryBytes = 400e6;
const scarceMemoryBytes = 1.5e9;

export const checkMemory = (
  { memoryBytes, freeMemoryBytes }: MachineFacts = readMachine(),
  machineBytes = totalmem(),
): Finding => {
  const isLimited = memoryBytes < machineBytes;
  const limit = isLimited ? ` (limited by the container; the machine has ${showBytes(machineBytes)})` : '';
  const what = `${showBytes(freeMemoryBytes)} of ${showBytes(memoryBytes)} are available now${limit}.`;
  const advice = isLimited ? 'Raise the limit of the container' : 'Close other programs';
  if (freeMemoryBytes < leastMemoryBytes) return fail(what, `${advice}: hardly any model can be loaded like this.`);
  return freeMemoryBytes < scarceMemoryBytes
    ? warn(what, `${advice}, or serve one of the smallest models: qmesh models recommend`)
    : ok(what);
};

export const checkDisk: Check = async ({ values, recommendation }) => {
  const [folder = '.'] = modelFolders(values);
  const free = await freeDiskBytes(folder);
  const what = `${showBytes(free)} are free where models are kept (${folder}).`;
  if (free < spareDiskBytes)
    return fail(what, 'Make room: even points and logs need some. Models can be kept elsewhere: QMESH_MODELS');
  const best = bestOf(await recommendation());
  return best === undefined || (!best.model.isHere && free < best.model.bytes + spareDiskBytes)
    ? warn(what, 'That is little for models. Make room, or set QMESH_MODELS to a folder on another disk.')
    : ok(what);
};

/** When this program was written: a clock that shows an earlier time is wrong. */
const writtenMs = Date.UTC(2026, 10, 1);
/** Tolerance for files in the home that are newer than now; some file systems round. */
const maxFutureMs = 120_000;

export const checkClock: Check = async ({ values }) => {
  const nowMs = systemClock.now();
  const shown = new Date(nowMs).toISOString();
  const advice = 'Set the clock, and let the system keep it (timedatectl set-ntp true): points and bans are dated.';
  if (nowMs < writtenMs) return fail(`It shows ${shown}, which is before this program was written.`, advice);
  const ahead = newestIn(values.home);
  if (ahead !== undefined && ahead.changedMs > nowMs + maxFutureMs)
    return warn(
      `It shows ${shown}, but ${ahead.path} was written ${Math.round((ahead.changedMs - nowMs) / 60_000)} minutes later.`,
      `It was set back, or ran ahead before. ${advice}`,
    );
  return (await isKept()) === false ? warn(`It shows ${shown}, and nothing keeps it right.`, advice) : ok(`${shown}.`);
};

function newestIn(folder: string): { readonly path: string; readonly changedMs: number } | undefined {
  try {
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .map((path) => ({ path, changedMs: statSync(path).mtimeMs }))
      .sort((a, b) => b.changedMs - a.changedMs)[0];
  } catch {
    return undefined; // another check covers the home
  }
}

/** Whether the system keeps its clock synchronised; undefined if it does not say. */
async function isKept(): Promise<boolean | undefined> {
  try {
    const args = ['show', '--property=NTPSynchronized', '--value'];
    const { stdout } = await promisify(execFile)('timedatectl', args, { timeout: 2_000 });
    return { yes: true, no: false }[stdout.trim()];
  } catch {
    return undefined;
  }
}
