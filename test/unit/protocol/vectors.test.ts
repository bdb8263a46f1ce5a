/** test/vectors: made anew and compared, so that they cannot go stale; and src/ held against each of them. */
import { createPublicKey, verify as opensslVerify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import { promptFacts, textFacts } from '../../../src/protocol/salted-hash.js';
import {
  ackSchema,
  attestationSchema,
  certificateSchema,
  claimSchema,
  isGenuine,
  objectHash,
  orderSchema,
  receiptSchema,
  signObject,
  type Ack,
  type ObjectKind,
  type SignedObject,
} from '../../../src/protocol/signed-objects.js';
import { signedBytes } from '../../../src/protocol/signing.js';
import { judge } from '../../../src/rules/attestation.js';
import { examine } from '../../../src/rules/claim.js';
import { HashTree } from '../../../src/rules/hash-tree.js';
import { foldLedger } from '../../../src/rules/ledger.js';
import { isCertified, quorumOf } from '../../../src/rules/quorum.js';
import certificates from '../../vectors/certificates.json' with { type: 'json' };
import claims from '../../vectors/claims.json' with { type: 'json' };
import hashTree from '../../vectors/hash-tree.json' with { type: 'json' };
import ledger from '../../vectors/ledger.json' with { type: 'json' };
import signedObjects from '../../vectors/signed-objects.json' with { type: 'json' };
import textHashes from '../../vectors/text-hashes.json' with { type: 'json' };
import { sha256 } from '../../support/ledger-cases.js';

const schemas = { order: orderSchema, receipt: receiptSchema, ack: ackSchema, attestation: attestationSchema };

const root = join(import.meta.dirname, '../../..');
const read = (name: string): any => JSON.parse(readFileSync(join(root, 'test/vectors', name), 'utf8'));

it('the files are what scripts/vectors.mjs writes', async () => {
  const { vectors } = await import(join(root, 'scripts/vectors.mjs'));
  for (const [name, content] of Object.entries(vectors()))
    expect(read(name), name).toEqual(JSON.parse(JSON.stringify(content)));
}, 60_000);

/** What becomes of an object that arrives: first its fields, then its signature. */
function verdictOf(kind: ObjectKind, object: unknown): string {
  const parsed = schemas[kind].safeParse(object);
  if (!parsed.success) return 'bad_fields';
  return isGenuine(kind, parsed.data as SignedObject<typeof kind>) ? 'valid' : 'bad_signature';
}

describe('signed objects', () => {
  const { accounts, signers } = signedObjects;

  it.each(signedObjects.valid)('$kind: bytes, hash and signature are those of another implementation', (valid) => {
    const { object, signedText, hash } = valid;
    const kind = valid.kind as ObjectKind;
    expect(Buffer.from(signedBytes(kind, object)).toString('utf8')).toBe(signedText);
    expect(objectHash(kind, object as SignedObject<typeof kind>)).toBe(hash);
    expect(verdictOf(kind, object)).toBe('valid');
    const { signature: _, ...body } = object as SignedObject<typeof kind>;
    const named = (object as Record<string, unknown>)[signers[kind]];
    const author = Object.values(accounts).find(({ publicKey }) => publicKey === named);
    expect(
      signObject(
        kind,
        body as typeof body & SignedObject<typeof kind>,
        keyPairFromSeed(Buffer.from(author!.seed, 'hex')),
      ),
    ).toEqual(object);
  });

  it.each(signedObjects.tampered)('$kind: $why: $verdict', ({ kind, object, verdict }) => {
    expect(verdictOf(kind as ObjectKind, object)).toBe(verdict);
  });

  it('the forgeries would be taken by a verifier that does not refuse keys of small order', () => {
    const forged = signedObjects.tampered.filter(({ why }) => why.startsWith('forged under'));
    const taken = forged.filter(({ object }) => opensslTakes(object as Ack));
    expect(forged).toHaveLength(14);
    expect(taken.length).toBeGreaterThan(0);
  });

  it('are not made for another signer, nor with fields that a reader would refuse', () => {
    const object = signedObjects.valid[0]!.object as SignedObject<'order'>;
    const { signature: _, ...order } = object;
    const [client, worker] = [accounts.client, accounts.worker].map(({ seed }) =>
      keyPairFromSeed(Buffer.from(seed, 'hex')),
    );
    expect(() => signObject('order', order, worker!)).toThrow('names another signer');
    expect(() => signObject('order', { ...order, maxPrice: 10_001 }, client!)).toThrow('maxPrice');
  });
});

/** OpenSSL does not look at the order of a key. */
function opensslTakes(ack: Ack): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(ack.client, 'hex')]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return opensslVerify(null, signedBytes('ack', ack), key, Buffer.from(ack.signature, 'hex'));
}

describe('salted hashes and counts', () => {
  const { salt, texts, conversations } = textHashes;
  const lone: { texts: string[]; order: object } = read('lone-surrogates.json');

  it.each(texts)('of the text $text', ({ text, hash, chars }) => {
    expect(textFacts(text, salt)).toEqual({ hash, chars });
    expect(promptFacts({ prompt: text }, salt)).toEqual({ hash, chars });
  });

  it.each(conversations)('of the conversation $messages', ({ messages, hash, chars }) => {
    expect(promptFacts({ messages }, salt)).toEqual({ hash, chars });
    const more = messages.map((message) => ({ ...message, name: 'not part of it' }));
    expect(promptFacts({ messages: more }, salt)).toEqual({ hash, chars });
  });

  it('of what has no UTF-8 there are none, and nothing of it is signed', () => {
    expect(verdictOf('order', lone.order)).toBe('bad_fields');
    for (const text of lone.texts) {
      expect(textFacts(text, salt)).toBeUndefined();
      expect(promptFacts({ messages: [{ role: 'user', content: text }] }, salt)).toBeUndefined();
      expect(promptFacts({ messages: [{ role: text, content: '' }] }, salt)).toBeUndefined();
    }
  });
});

it.each(claims.cases)('a claim: $why: $verdict', ({ claim, view, verdict }) => {
  const examined = examine(claimSchema.parse(claim), view.network);
  const seen = {
    receiptOf: () => view.knownReceipt ?? undefined,
    balanceOf: () => view.balance,
    pledgedBy: () => view.pledged,
    isBanned: (account: string) => (view.banned as string[]).includes(account),
  };
  expect(examined.kind === 'sound' ? judge(examined.facts, seen, view.nowMs) : examined.fault).toBe(verdict);
});

it.each(certificates.cases)('a certificate of $why: $certified', ({ attestations, certified }) => {
  const quorum = quorumOf({ validators: certificates.validators, threshold: certificates.threshold }, []);
  expect(isCertified(certificateSchema.parse({ ...certificates.claim, attestations }), quorum)).toBe(certified);
});

it.each(['everyone', 'mintersOnly'] as const)('the fold of a ledger: %s', (policy) => {
  const minters = policy === 'everyone' ? policy : new Set(ledger.minters);
  const states = [...foldLedger(ledger.certified, minters)].sort(([a], [b]) => (a < b ? -1 : 1));
  const balances = states.map(([account, { balance, earned, minted, awarded, spent }]) => ({
    account,
    balance,
    earned,
    minted,
    awarded,
    spent,
  }));
  expect(balances).toEqual(ledger[policy]);
  expect(balances.some(({ minted }) => minted > 500_000 && minted % 500_000 !== 0) || policy !== 'everyone').toBe(true);
});

it('digests of prefixes', () => {
  const tree = new HashTree();
  expect(tree.digest('')).toBe(hashTree.ofNone);
  for (let n = 0; n < hashTree.count; n++) tree.add(sha256(`receipt ${n}`));
  for (const { prefix, digest } of hashTree.digests) expect(tree.digest(prefix), prefix).toBe(digest);
});
