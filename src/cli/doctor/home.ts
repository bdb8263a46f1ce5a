/** Checks of the home: it is writable, its secret is kept secret, and whether a worker runs in it. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { askWorker } from '../../actors/control/ask.js';
import { isCode, messageOf } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/make-folder.js';
import { showDuration } from '../owner/duration.js';
import { fail, ok, warn, type Check } from './finding.js';

const elsewhere = 'or set QMESH_HOME to another folder';

/** Leaves the home unchanged. */
export const checkHome: Check = ({ values: { home } }) => {
  let made: string | undefined;
  try {
    made = makeFolder(home, 0o700);
    if (!statSync(home).isDirectory()) return fail(`${home} is not a folder.`, `Remove it, ${elsewhere}.`);
    const probe = join(home, `.doctor-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
    const mode = statSync(home).mode & 0o777;
    if (process.platform !== 'win32' && (mode & 0o022) !== 0)
      return warn(
        `Other users may write to ${home} (mode ${mode.toString(8)}).`,
        `Keep it to yourself: chmod 700 ${home}`,
      );
    return ok(made === undefined ? `${home} is writable.` : `${home} will be made when it is needed.`);
  } catch (error) {
    return fail(`${home} is not writable (${messageOf(error)}).`, `Make it writable, ${elsewhere}.`);
  } finally {
    if (made !== undefined) rmSync(made, { recursive: true });
  }
};

export const checkIdentity: Check = ({ values: { home } }) => {
  const file = join(home, 'identity.key');
  try {
    const mode = statSync(file).mode & 0o777;
    if (!/^[0-9a-f]{64}$/i.test(readFileSync(file, 'utf8').trim()))
      return fail(
        `${file} is damaged: it must hold 64 hex characters.`,
        'Restore it from a backup, or move it away to get a new identity without the points of the old one.',
      );
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      return warn(
        `Other users may read ${file} (mode ${mode.toString(8)}), and whoever has it can act as this node.`,
        `chmod 600 ${file}. If somebody did read it, move it away to get a new identity.`,
      );
    return ok('There is one, and only you can read it. Keep a backup: it is the key to your points.');
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return ok('There is none yet; the first start creates one.');
    return fail(
      `${file} cannot be read (${messageOf(error)}).`,
      `Make it a file that belongs to you, with mode 600, ${elsewhere}.`,
    );
  }
};

export const checkWorker: Check = async ({ values: { home } }) => {
  try {
    const answer = await askWorker({ path: home }, { do: 'status' });
    if (answer === 'none') return ok('None is running on this home. Start one with: qmesh worker');
    if (answer === 'silent')
      return fail(
        'One is running on this home, but does not answer.',
        'Look at its log, or end its process and start it again.',
      );
    if ('error' in answer)
      return fail(`It answers: ${answer.error.message}`, 'Start it again: qmesh stop, then qmesh worker');
    const { pid, uptimeMs, health, models } = answer.report;
    const served = models.map(({ name }) => name).join(', ') || 'no model yet';
    return ok(`One is running: pid ${pid}, up ${showDuration(uptimeMs)}, ${health.state}, serves ${served}.`);
  } catch (error) {
    return fail(`It cannot be asked (${messageOf(error)}).`, 'Run this as the user who runs the worker.');
  }
};
