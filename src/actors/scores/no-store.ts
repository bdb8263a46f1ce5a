/** A store that keeps nothing, for a program that only looks things up and has no home: it holds in memory what it counted, and fetches it again next time. */
import type { ScoreStore } from './score-store.js';

export const noStore: ScoreStore = {
  write: (_, done) => done(undefined),
  certificate: (_, found) => found(undefined, undefined),
  signed: (_what, _order, found) => found(undefined, undefined),
  claim: (_, found) => found(undefined, undefined),
  claims: (found) => found(undefined, []),
  evidence: (found) => found(undefined, []),
  solos: (found) => found(undefined, []),
  page: (_of, _after, found) => found(undefined, undefined),
  log: (_query, found) => found(undefined, undefined),
  closedReceipt: (_, found) => found(undefined, undefined),
  closeDays: (_before, _isContested, done) => done(undefined),
  close: (done) => done(undefined),
};
