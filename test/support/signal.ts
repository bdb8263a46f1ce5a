import process from 'node:process';

/**
 * Sends a signal to one process. Pid 0, which a test that finds no process easily ends up with, means the caller's
 * whole process group to the kernel: the test runner, and whatever started it.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  if (!Number.isInteger(pid) || pid <= 1) throw new RangeError(`${pid} is no process of a test's own`);
  process.kill(pid, signal);
}
