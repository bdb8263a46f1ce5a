/**
 * Who used the processors, from the kernel's accounting before and after a measurement. What this process and its
 * descendants used is ours; the rest of the busy time is foreign, and a measurement it disturbed is worthless.
 */
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** The kernel counts in hundredths of a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Foreign use, in cores, above which a measurement is discarded. */
export const maxForeignCores = 0.15;

/** @typedef {{ atMs: number, busySeconds: number, ownSeconds: number }} CpuSample */

/** False where there is no /proc: then nothing can be said about other processes. */
export const canSeeOthers = (() => {
  try {
    return busySeconds() > 0;
  } catch {
    return false;
  }
})();

/** @returns {CpuSample} */
export function sampleCpu() {
  if (!canSeeOthers) return { atMs: performance.now(), busySeconds: 0, ownSeconds: 0 };
  return { ownSeconds: treeSeconds(process.pid), busySeconds: busySeconds(), atMs: performance.now() };
}

/**
 * Cores that processes other than ours kept busy since `before`, on average.
 * @param {CpuSample} before
 * @param {CpuSample} [after]
 */
export function foreignCores(before, after = sampleCpu()) {
  const foreignSeconds = after.busySeconds - before.busySeconds - (after.ownSeconds - before.ownSeconds);
  return Math.max(0, foreignSeconds / ((after.atMs - before.atMs) / 1000));
}

/**
 * Processor seconds of one process alone.
 * @param {number} pid
 */
export function processSeconds(pid) {
  const { user, system } = processTimes(pid);
  return user + system;
}

/**
 * Memory of a process that is in RAM.
 * @param {number} pid
 */
export function residentBytes(pid) {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}

/**
 * Direct children of a process.
 * @param {number} pid
 * @returns {number[]}
 */
export function childrenOf(pid) {
  return allProcesses()
    .filter((other) => other.parent === pid)
    .map((other) => other.pid);
}

/** User, nice, system, irq, softirq and what the hypervisor took; idle and waiting are not busy. */
function busySeconds() {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    readFileSync('/proc/stat', 'utf8').slice('cpu '.length, 200).split('\n', 1)[0]?.trim().split(/\s+/).map(Number) ??
    [];
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/**
 * What a process and all below it used, children that ended included.
 * @param {number} root
 */
function treeSeconds(root) {
  const processes = allProcesses();
  const ours = new Set([root]);
  for (const pid of ours) for (const child of processes) if (child.parent === pid) ours.add(child.pid);
  return processes
    .filter(({ pid }) => ours.has(pid))
    .reduce((sum, { user, system, ended }) => sum + user + system + ended, 0);
}

function allProcesses() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [processTimes(Number(name))];
      } catch {
        return []; // it ended while we looked
      }
    });
}

/** @param {number} pid */
function processTimes(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // the name stands in brackets and may hold anything; field 3 (state) is the first one after it
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  /** @param {number} field as proc(5) numbers them */
  const seconds = (field) => Number(fields[field - 3]) / ticksPerSecond;
  return { pid, parent: Number(fields[1]), user: seconds(14), system: seconds(15), ended: seconds(16) + seconds(17) };
}
