/** Accounts, claims and certificates with real signatures, for tests of the ledger. Deterministic. */
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { keyPairFromSeed, type KeyPair } from '../../src/protocol/keys.js';
import { promptFacts, textFacts } from '../../src/protocol/salted-hash.js';
import {
  objectHash,
  signObject,
  type Attestation,
  type Claim,
  type Order,
  type Receipt,
  type Unsigned,
} from '../../src/protocol/signed-objects.js';
import type { LedgerEntry } from '../../src/rules/ledger.js';
import { scoreOf } from '../../src/rules/points.js';

export const network = 'qmesh-inference-v2';
export const noonMs = Date.UTC(2026, 0, 2, 12);
export const salt = '000102030405060708090a0b0c0d0e0f';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const account = (name: string): KeyPair => keyPairFromSeed(Buffer.from(sha256(name), 'hex'));

export interface ClaimChanges {
  readonly client?: KeyPair;
  readonly worker?: KeyPair;
  readonly order?: Partial<Unsigned<'order'>>;
  readonly receipt?: Partial<Unsigned<'receipt'>>;
  readonly ack?: Partial<Unsigned<'ack'>>;
}

/** A good claim with changes applied before the party concerned signs. Points follow from the changed facts. */
export function claimWith(changes: ClaimChanges = {}): Claim {
  const { client = account('client'), worker = account('worker') } = changes;
  const prompt = promptFacts({ prompt: 'count from 5' }, salt);
  const result = textFacts('6 7 8', salt);
  const order = signObject(
    'order',
    {
      network,
      client: client.publicKeyHex,
      worker: worker.publicKeyHex,
      id: 'r1',
      promptHash: prompt?.hash ?? '',
      promptChars: prompt?.chars ?? 0,
      maxPrice: 0,
      at: noonMs - 1_500,
      expiresAt: noonMs + 60_000,
      ...changes.order,
    },
    client,
  );
  const facts = {
    order: objectHash('order', order),
    worker: worker.publicKeyHex,
    client: client.publicKeyHex,
    model: sha256('model'),
    resultHash: result?.hash ?? '',
    resultChars: result?.chars ?? 0,
    promptTokens: 4,
    completionTokens: 3,
    responseMs: 1_200,
    success: true,
    finishedAt: noonMs,
    ...changes.receipt,
  };
  const score = scoreOf({ promptChars: order.promptChars, ...facts });
  const receipt = signObject('receipt', { ...facts, ...score, ...changes.receipt }, worker);
  const { responseMs } = receipt;
  const ack = signObject(
    'ack',
    {
      receipt: objectHash('receipt', receipt),
      client: client.publicKeyHex,
      responseMs: responseMs + 20,
      at: noonMs + 30,
      ...changes.ack,
    },
    client,
  );
  return { order, receipt, ack };
}

export function attest(receipt: Receipt, validator: KeyPair, verdict = 'valid'): Attestation {
  const at = noonMs + 100;
  return signObject(
    'attestation',
    { receipt: objectHash('receipt', receipt), validator: validator.publicKeyHex, verdict, at },
    validator,
  );
}

export const hashOfOrder = (order: Order): string => objectHash('order', order);
export const hashOfReceipt = (receipt: Receipt): string => objectHash('receipt', receipt);

const names = ['a', 'b', 'c', 'd', 'e'];

/**
 * Entries among few accounts, so that they meet; some on one day, so that caps apply; some for one order, so that they
 * conflict. Only signatures are missing, which the fold ignores. Two entries with one hash are the same entry.
 */
export const entries = (maxLength: number): fc.Arbitrary<LedgerEntry[]> =>
  fc
    .array(
      fc.record({
        order: fc.nat(Math.ceil(maxLength * 0.8)),
        score: fc.nat(60_000), // more than there is, so that caps of days bind
        success: fc.boolean(),
        complexity: fc.oneof(fc.constant(3_000), fc.nat(3_000)),
        responseMs: fc.nat(4_000),
        day: fc.nat(3),
      }),
      { maxLength, size: 'max' },
    )
    .map((drafts) =>
      drafts.map(({ order, day, score: points, ...rest }) => {
        const worker = names[order % names.length] ?? '';
        const client = `client of ${order % 37}`;
        const score = rest.success ? points : 0;
        const finishedAt = noonMs + day * 86_400_000;
        // What the order determines is equal in all its receipts: two receipts of one order differ in the rest.
        const price = order % 2 === 0 ? 0 : (order * 7_919) % 10_001;
        const hash = sha256(JSON.stringify({ order, day, score, ...rest }));
        return { hash, order: sha256(`order ${order}`), worker, client, maxPrice: price, score, finishedAt, ...rest };
      }),
    );
