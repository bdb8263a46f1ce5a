/** A worker that is there, has nothing to do, and serves what `says` says. */
import type { StatusMessage } from '../../../src/protocol/messages.js';

export const statusOf = (workerId: string, says: Partial<StatusMessage> = {}): StatusMessage => ({
  v: 2,
  type: 'status',
  workerId,
  models: [],
  health: { score: 100, state: 'idle', capacity: 100 },
  queue: { length: 0, capacity: 10 },
  slots: { total: 1, busy: 0 },
  performance: { avgResponseMs: null, tokensPerSecond: null },
  uptimeMs: 0,
  agent: 'test',
  at: 0,
  ...says,
});
