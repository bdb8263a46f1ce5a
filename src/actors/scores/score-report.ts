/** What `qmesh score` shows: the state of an account, and whose attestations it rests on. From a running worker or from disk. */
import type { AccountState, LedgerEntry } from '../../rules/ledger.js';
import type { ValidatorPolicy } from '../../rules/quorum.js';
import type { Ledger } from './ledger.js';
import type { Found } from './score-store.js';
import type { Page } from './score-pages.js';

/** Latest receipts in a report. */
const recentEntries = 5;
/** Accounts on a page. */
const accountsPerPage = 100;

export interface ScoreReport {
  readonly account: string;
  /** Null for an account that appears in no counted receipt. All sums are millipoints. */
  readonly state: AccountState | null;
  readonly mayMint: boolean;
  /** What clients have offered for work that is not certified yet; null if no worker runs. */
  readonly held: number | null;
  /** Receipts of open days, which this node compares with others. */
  readonly receipts: number;
  /** Claims that are not certified yet. */
  readonly openClaims: number;
  /** Certificates that this node made alone. */
  readonly solo: number;
  readonly policy: {
    readonly validators: 'seen' | number;
    /** Attestations that make a certificate; null if that depends on who is there, and no worker runs. */
    readonly threshold: number | null;
    /** Validators on the score network now, this node included; null if no worker runs. */
    readonly present: number | null;
    readonly minters: 'everyone' | number;
  };
  /** The latest first. */
  readonly recent: readonly LedgerEntry[];
}

/** The revision changes with each receipt that begins to count, so two pages with the same one are of the same set. */
export interface ScorePage extends Page {
  readonly revision: number;
}

export interface ReportSource {
  readonly account: string;
  readonly ledger: Ledger;
  readonly policy: ValidatorPolicy;
  readonly held: number | null;
  readonly present: { readonly validators: number; readonly threshold: number } | null;
}

export function scoreReport(source: ReportSource, found: Found<ScoreReport>): void {
  const { ledger, account } = source;
  ledger.records.log({ account, limit: recentEntries }, (error, log) => {
    if (error !== undefined) return found(error, undefined);
    ledger.records.solos((failed, solos = []) => {
      if (failed !== undefined) return found(failed, undefined);
      ledger.claims((missed, claims = []) =>
        missed === undefined
          ? found(undefined, reportOf(source, log?.entries ?? [], solos.length, claims.length))
          : found(missed, undefined),
      );
    });
  });
}

function reportOf(source: ReportSource, recent: readonly LedgerEntry[], solo: number, openClaims: number): ScoreReport {
  const { account, ledger, policy, held, present } = source;
  const { minters } = ledger;
  return {
    account,
    state: ledger.stateOf(account) ?? null,
    mayMint: minters === 'everyone' || minters.has(account),
    held,
    receipts: ledger.counted.size,
    openClaims,
    solo,
    policy: {
      validators: policy.validators === 'seen' ? 'seen' : policy.validators.length,
      threshold: policy.validators === 'seen' ? (present?.threshold ?? null) : policy.threshold,
      present: present?.validators ?? null,
      minters: minters === 'everyone' ? 'everyone' : minters.size,
    },
    recent,
  };
}

/** The running totals, account by account, in order. */
export function accountsPage(ledger: Ledger, after = ''): ScorePage {
  const first: string[] = [];
  for (const account of ledger.accounts()) {
    if (account <= after || (first.length === accountsPerPage + 1 && account > (first.at(-1) ?? ''))) continue;
    const place = first.findIndex((other) => other > account);
    first.splice(place < 0 ? first.length : place, 0, account);
    first.length = Math.min(first.length, accountsPerPage + 1);
  }
  const shown = first.slice(0, accountsPerPage);
  const items = shown.map((key) => ({ key, value: ledger.stateOf(key) }));
  return { items, next: first.length > shown.length ? (shown.at(-1) ?? null) : null, revision: ledger.revision };
}
