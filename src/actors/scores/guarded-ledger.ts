/** The ledger as consensus uses it: what is called back later is guarded, so that an error there fails the actor and not the process. */
import type { Guard } from '../../runtime/guarded-callback.js';
import type { Ledger } from './ledger.js';
import type { ScoreStore } from './score-store.js';

export type GuardedLedger = Pick<
  Ledger,
  | 'counted'
  | 'balanceOf'
  | 'receiptOf'
  | 'count'
  | 'sign'
  | 'signed'
  | 'write'
  | 'certificate'
  | 'claims'
  | 'evidence'
  | 'closeDays'
> &
  Pick<ScoreStore, 'solos'>;

export const guardedLedger = (ledger: Ledger, guard: Guard): GuardedLedger => ({
  counted: ledger.counted,
  balanceOf: (account) => ledger.balanceOf(account),
  receiptOf: (order) => ledger.receiptOf(order),
  count: (certificate, done) => ledger.count(certificate, guard(done)),
  sign: (what, order, make, ready) => ledger.sign(what, order, make, guard(ready)),
  signed: (what, order, found) => ledger.signed(what, order, guard(found)),
  write: (writes, done) => ledger.write(writes, guard(done)),
  certificate: (hash, found) => ledger.certificate(hash, guard(found)),
  claims: (found) => ledger.claims(guard(found)),
  evidence: (found) => ledger.evidence(guard(found)),
  closeDays: (nowMs, done) => ledger.closeDays(nowMs, guard(done)),
  solos: (found) => ledger.records.solos(guard(found)),
});
