/** Kills child processes on exit: a bench that fails must leave nothing running that would disturb later ones. */
import process from 'node:process';

/**
 * Kills a child process when this process ends, however it ends, unless it ended before.
 * @template {import('node:child_process').ChildProcess} Child
 * @param {Child} child
 * @returns {Child}
 */
export function endWithUs(child) {
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}
