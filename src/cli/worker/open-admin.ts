/** Creates a worker's admin server, and the log its page shows, from the settings. */
import type { AdminPort } from '../../actors/admin.actor.js';
import { parseAdmin } from '../../admin/address.js';
import { adminServer } from '../../admin/server.js';
import { systemClock } from '../../runtime/clock.js';
import { LogRing } from '../../runtime/log-ring.js';
import type { Config } from '../../runtime/config.js';
import type { Settings } from '../../settings.js';

/** The fields of a log line that the page shows: facts about this worker, never prompts, keys or addresses. */
const shownFields = [
  'admin',
  'bans',
  'bootstrap',
  'by',
  'contextSize',
  'deaths',
  'device',
  'drainMs',
  'engine',
  'error',
  'holdsLocal',
  'id',
  'kind',
  'message',
  'model',
  'models',
  'network',
  'next',
  'note',
  'problem',
  'reason',
  'restartInMs',
  'slots',
  'state',
  'supervisor',
  'threads',
  'tries',
  'workerId',
];

export const pageLog = (): LogRing => new LogRing(systemClock, shownFields);

/** Undefined: the admin server is off. */
export function openAdmin({ values, sources }: Config<Settings>, ring: LogRing): AdminPort | undefined {
  const address = parseAdmin(values.admin);
  if (address === undefined || address === 'off') return undefined;
  return adminServer({ ...address, isNamed: sources.admin !== 'default' }, ring);
}
