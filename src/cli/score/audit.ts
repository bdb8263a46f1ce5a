/** Folds the ledger again from its receipts, and compares the result with the node's running totals. */
import { objectHash } from '../../protocol/signed-objects.js';
import { examine } from '../../rules/claim.js';
import { HashTree } from '../../rules/hash-tree.js';
import { entryOf, foldLedger, type AccountState, type LedgerEntry, type Minters } from '../../rules/ledger.js';
import { CommandError } from '../failure.js';
import { all, type ScoreReader } from './score-reader.js';

/** A ledger that changes while it is read is read again, up to this many times. */
const maxTries = 5;

export interface Audit {
  /** Whether the running totals match the receipts. */
  readonly agrees: boolean;
  readonly receipts: number;
  /** Digest of their hashes, as defined in docs/ledger.md: equal sets have equal digests. */
  readonly digest: string;
  readonly minters: 'everyone' | readonly string[];
  /** Sorted by ID. All amounts are in millipoints. */
  readonly accounts: readonly (Pick<
    AccountState,
    'balance' | 'earned' | 'minted' | 'awarded' | 'spent' | 'achievements'
  > & {
    readonly account: string;
  })[];
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly account: string;
  /** Millipoints according to the receipts and to the running totals; null if that side does not know the account. */
  readonly folded: number | null;
  readonly running: number | null;
}

/** @throws CommandError if the ledger keeps changing */
export async function audit(reader: ScoreReader, minters: Minters): Promise<Audit> {
  for (let tries = 0; tries < maxTries; tries++) {
    const revisions = new Set<number>();
    const running = new Map<string, AccountState>();
    for await (const { key, value, revision } of all(reader, 'accounts')) {
      running.set(key, value);
      revisions.add(revision);
    }
    const entries: LedgerEntry[] = [];
    for await (const { value, revision } of all(reader, 'entries')) {
      entries.push(value);
      revisions.add(revision);
    }
    revisions.add((await reader.page('accounts', undefined)).revision);
    if (revisions.size === 1) return auditOf(entries, running, minters);
  }
  throw new CommandError(
    'the ledger does not hold still',
    `Receipts were certified while it was read, ${maxTries} times in a row.`,
    'Try again when less is going on, or stop the worker first: qmesh stop.',
    { code: 'ledger_busy' },
  );
}

/** Pure. The order of everything in the result depends only on the set of receipts. */
export function auditOf(
  entries: readonly LedgerEntry[],
  running: ReadonlyMap<string, AccountState>,
  minters: Minters,
): Audit {
  const folded = foldLedger(entries, minters);
  const accounts = [...new Set([...folded.keys(), ...running.keys()])].sort();
  const differences = accounts.flatMap((account) => {
    const [here, there] = [folded.get(account), running.get(account)];
    if (JSON.stringify(summary(here)) === JSON.stringify(summary(there))) return [];
    return [{ account, folded: here?.balance ?? null, running: there?.balance ?? null }];
  });
  const tree = new HashTree();
  for (const { hash } of entries) tree.add(hash);
  return {
    agrees: differences.length === 0,
    receipts: tree.size,
    digest: tree.digest(''),
    minters: minters === 'everyone' ? minters : [...minters].sort(),
    accounts: accounts.flatMap((account) => {
      const state = folded.get(account);
      return state === undefined ? [] : [{ account, ...summary(state) }];
    }),
    differences,
  };
}

type Summary = Pick<AccountState, 'balance' | 'earned' | 'minted' | 'awarded' | 'spent' | 'achievements'>;

function summary(state: AccountState): Summary;
function summary(state: AccountState | undefined): Summary | undefined;
function summary(state: AccountState | undefined): Summary | undefined {
  if (state === undefined) return undefined;
  const { balance, earned, minted, awarded, spent, achievements } = state;
  return { balance, earned, minted, awarded, spent, achievements };
}

export interface ProofFault {
  readonly receipt: string;
  readonly problem: string;
}

/** Checks every complete certificate: its signatures, and that what is counted for it matches its content. */
export async function checkProofs(
  reader: ScoreReader,
  network: string,
): Promise<{ readonly checked: number; readonly faults: readonly ProofFault[] }> {
  const entries = new Map<string, string>();
  for await (const { value } of all(reader, 'entries')) entries.set(value.hash, JSON.stringify(value));
  const faults: ProofFault[] = [];
  let checked = 0;
  for await (const { key, value } of all(reader, 'certificates')) {
    const { order, receipt } = value;
    const hash = objectHash('receipt', receipt);
    const examined = examine(value, network);
    const problem =
      hash !== key
        ? 'it stands under the hash of another one'
        : examined.kind === 'unsound'
          ? examined.fault
          : entries.get(hash) !== JSON.stringify(entryOf(hash, order, receipt))
            ? 'what is counted is not what it says'
            : undefined;
    if (problem !== undefined) faults.push({ receipt: key, problem });
    checked++;
  }
  return { checked, faults };
}
