/** What a node reads from disk before it judges anything: who is banned, which claims are open, and which of them it attested. */
import type { Attestation, Claim, Evidence } from '../../protocol/signed-objects.js';
import { banOf, type Ban } from '../../rules/evidence.js';
import { entryOf, type LedgerEntry } from '../../rules/ledger.js';
import { objectHash } from '../../protocol/signed-objects.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { Found, OpenClaim } from './score-store.js';

export function readBans(ledger: GuardedLedger, found: Found<readonly Ban[]>): void {
  ledger.evidence((error, all: readonly Evidence[] = []) =>
    found(
      error,
      all.flatMap((evidence) => banOf(evidence) ?? []),
    ),
  );
}

export interface OpenWork {
  /** Claims with an ack. The others wait for theirs. */
  readonly claims: readonly Claim[];
  /** Those that this node attested. */
  readonly attested: readonly LedgerEntry[];
}

export function readOpenWork(ledger: GuardedLedger, found: Found<OpenWork>): void {
  ledger.claims((error, open = []) => {
    const claims = open.flatMap(wholeClaim);
    if (error !== undefined || claims.length === 0) return found(error, { claims, attested: [] });
    const attested: LedgerEntry[] = [];
    let left = claims.length;
    for (const { order, receipt } of claims)
      ledger.signed('attestation', receipt.order, (_, attestation: Attestation | undefined) => {
        const hash = objectHash('receipt', receipt);
        if (attestation?.receipt === hash) attested.push(entryOf(hash, order, receipt));
        if (--left === 0) found(undefined, { claims, attested });
      });
  });
}

const wholeClaim = ({ order, receipt, ack }: OpenClaim): Claim[] =>
  ack === undefined ? [] : [{ order, receipt, ack }];
