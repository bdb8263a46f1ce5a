/**
 * Restores to a ledger what a backup has and it lacks. Every certificate is checked like a stranger's: its signatures,
 * its points, and that this node's own policy certifies it. What this node already has is newer and stays unchanged.
 */
import type { Ledger } from '../../actors/scores/ledger.js';
import type { OwnKind, OwnObjects, ScoreWrite, StoredCertificate } from '../../actors/scores/score-store.js';
import {
  ackSchema,
  attestationSchema,
  certificateSchema,
  claimSchema,
  evidenceSchema,
  isGenuine,
  objectHash,
  receiptSchema,
  type Certificate,
  type Evidence,
} from '../../protocol/signed-objects.js';
import { examine } from '../../rules/claim.js';
import { banOf } from '../../rules/evidence.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import { isCertified, quorumOf, type ValidatorPolicy } from '../../rules/quorum.js';
import type { BackupLine } from './backup-file.js';

export interface RestoreContext {
  readonly network: string;
  readonly policy: ValidatorPolicy;
  /** This node's account. */
  readonly account: string;
  /** The backup is this node's own, so it may also contain what it cannot prove. */
  readonly isOwn: boolean;
}

export interface Restored {
  readonly imported: number;
  readonly present: number;
  /** Number refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

type Outcome = 'imported' | 'present' | { readonly refused: string };

export async function restore(
  ledger: Ledger,
  lines: AsyncIterable<BackupLine>,
  context: RestoreContext,
): Promise<Restored> {
  const counts = { imported: 0, present: 0 };
  const refused: Record<string, number> = {};
  for await (const line of lines) {
    const outcome = await take(ledger, line, context);
    if (typeof outcome === 'string') counts[outcome]++;
    else refused[outcome.refused] = (refused[outcome.refused] ?? 0) + 1;
  }
  return { ...counts, refused };
}

function take(ledger: Ledger, line: BackupLine, context: RestoreContext): Promise<Outcome> | Outcome {
  if ('certificate' in line) return takeCertificate(ledger, line.certificate, context);
  if ('evidence' in line) return takeEvidence(ledger, line.evidence);
  if (!context.isOwn) return { refused: 'only the node itself can give back what it cannot prove' };
  if ('entry' in line) return takeEntry(ledger, line.entry as LedgerEntry);
  if ('claim' in line) return takeClaim(ledger, line.claim, context);
  if ('signed' in line) return takeSigned(ledger, line.signed, context.account);
  return { refused: 'of a kind that is not known here' };
}

async function takeCertificate(ledger: Ledger, value: unknown, context: RestoreContext): Promise<Outcome> {
  const certificate = certificateSchema.safeParse(value);
  if (!certificate.success) return { refused: 'no certificate' };
  const hash = objectHash('receipt', certificate.data.receipt);
  if (ledger.counted.has(hash)) return 'present';
  const examined = examine(certificate.data, context.network);
  if (examined.kind === 'unsound') return { refused: `not sound: ${examined.fault}` };
  if (!isAttested(certificate.data, context)) return { refused: 'not certified by the validators of this node' };
  const isSolo = (value as Partial<StoredCertificate>).isSolo === true;
  return counted(ledger, (done) => ledger.count({ ...certificate.data, isSolo }, done));
}

/**
 * Nobody knows which validators were `seen` long ago. Under that policy, only a node's own backup is accepted, on its
 * own word.
 */
function isAttested(certificate: Certificate, { policy, isOwn }: RestoreContext): boolean {
  return policy.validators === 'seen' ? isOwn : isCertified(certificate, quorumOf(policy, []));
}

async function takeEntry(ledger: Ledger, entry: LedgerEntry): Promise<Outcome> {
  if (ledger.counted.has(entry.hash)) return 'present';
  return counted(ledger, (done) => ledger.countEntry(entry, done));
}

/** Receipts that are already in the sums of closed days change nothing. */
async function counted(ledger: Ledger, count: (done: (error: Error | undefined) => void) => void): Promise<Outcome> {
  const before = ledger.revision;
  await written(count);
  return ledger.revision === before ? 'present' : 'imported';
}

async function takeClaim(ledger: Ledger, value: unknown, { network }: RestoreContext): Promise<Outcome> {
  const claim = claimSchema.partial({ ack: true }).safeParse(value);
  if (!claim.success) return { refused: 'no claim' };
  const { order, receipt, ack } = claim.data;
  const hash = objectHash('receipt', receipt);
  const known = await found((tell) => ledger.claim(hash, tell));
  if (known !== undefined || ledger.receiptOf(receipt.order) !== undefined) return 'present';
  if (ack !== undefined && examine({ order, receipt, ack }, network).kind === 'unsound')
    return { refused: 'no sound claim' };
  const write: ScoreWrite = { kind: 'claim', hash, claim: { order, receipt, ...(ack === undefined ? {} : { ack }) } };
  await written((done) => ledger.write([write], done));
  return 'imported';
}

const ownSchemas = { receipt: receiptSchema, ack: ackSchema, attestation: attestationSchema };

async function takeSigned(ledger: Ledger, value: unknown, account: string): Promise<Outcome> {
  const { what, order, object } = value as { what: OwnKind; order: string; object: unknown };
  const signed = Object.hasOwn(ownSchemas, what) ? ownSchemas[what].safeParse(object) : undefined;
  if (signed?.success !== true || !/^[0-9a-f]{64}$/.test(order)) return { refused: 'no signed object' };
  const own = signed.data;
  if (signerOf(own) !== account || !isGenuine(what, own)) return { refused: 'not signed by this node' };
  if ((await found((tell) => ledger.signed(what, order, tell))) !== undefined) return 'present';
  await written((done) => ledger.write([{ kind: 'signed', order, what, object: own }], done));
  return 'imported';
}

const signerOf = (object: OwnObjects[OwnKind]): string =>
  'validator' in object ? object.validator : 'worker' in object ? object.worker : object.client;

async function takeEvidence(ledger: Ledger, value: unknown): Promise<Outcome> {
  const evidence = evidenceSchema.safeParse(value);
  const ban = evidence.success ? banOf(evidence.data) : undefined;
  if (!evidence.success || ban === undefined) return { refused: 'evidence that proves nothing' };
  const { kind } = evidence.data;
  const known = (await found<Evidence[]>((tell) => ledger.evidence(tell))) ?? [];
  if (known.some((other) => other.kind === kind && banOf(other)?.account === ban.account)) return 'present';
  await written((done) => ledger.write([{ kind: 'evidence', account: ban.account, evidence: evidence.data }], done));
  return 'imported';
}

const written = (write: (done: (error: Error | undefined) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => write((error) => (error === undefined ? resolve() : reject(error))));

const found = <Value>(
  ask: (tell: (error: Error | undefined, value: Value | undefined) => void) => void,
): Promise<Value | undefined> =>
  new Promise((resolve, reject) => ask((error, value) => (error === undefined ? resolve(value) : reject(error))));
