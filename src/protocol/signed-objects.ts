/**
 * The signed objects around a paid request and its certificate (docs/ledger.md): order, receipt, ack and attestation, who signs each, and
 * the claims, certificates and evidence made of them. A signed object has exactly these fields, since any other would be signed without
 * being understood. Whether what they say is true is decided in src/rules/.
 */
import { z } from 'zod';
import type { KeyPair } from './keys.js';
import { limits } from './limits.js';
import { count, exactly, fields, list, name, publicKey, requestId, sha256, signature, time } from './schema.js';
import { hashOfBytes, isWellFormed, sign, signedBytes, signedHash, verify, verifyBytes } from './signing.js';

/** Text without UTF-8 cannot be signed, so it must not get to where it would be hashed. */
const signedName = name.refine(isWellFormed, 'must hold no lone surrogates');

export const orderSchema = exactly({
  network: signedName,
  client: publicKey,
  worker: publicKey,
  id: requestId,
  promptHash: sha256,
  promptChars: count,
  maxPrice: count.max(limits.maxPriceMillipoints),
  at: time,
  expiresAt: time,
  signature,
});

export const receiptSchema = exactly({
  order: sha256,
  worker: publicKey,
  client: publicKey,
  model: sha256,
  resultHash: sha256,
  resultChars: count,
  promptTokens: count,
  completionTokens: count,
  responseMs: count,
  success: z.boolean(),
  speed: count,
  complexity: count,
  quality: count,
  score: count,
  finishedAt: time,
  signature,
});

export const ackSchema = exactly({
  receipt: sha256,
  client: publicKey,
  responseMs: count,
  at: time,
  signature,
});

/** `verdict` is `valid` or the reason why not; a later version may send a word that is unknown here. */
export const attestationSchema = exactly({
  receipt: sha256,
  validator: publicKey,
  verdict: z.string().regex(/^[a-z_]{1,32}$/, 'must be a word of a-z and _'),
  at: time,
  signature,
});

/** A finished request, as its worker announces it. */
export const claimSchema = z.object({ order: orderSchema, receipt: receiptSchema, ack: ackSchema });

export const certificateSchema = z.object({
  ...claimSchema.shape,
  attestations: list(attestationSchema, limits.maxAttestations),
});

const testimony = fields({ order: orderSchema, receipt: receiptSchema, ack: ackSchema.exactOptional() });

/** Proof of equivocation: two signatures of one account that cannot both be honest. */
export const evidenceSchema = z.object({ kind: z.enum(['double_receipt', 'double_ack']), a: testimony, b: testimony });

export type Order = z.infer<typeof orderSchema>;
export type Receipt = z.infer<typeof receiptSchema>;
export type Ack = z.infer<typeof ackSchema>;
export type Attestation = z.infer<typeof attestationSchema>;
export type Claim = z.infer<typeof claimSchema>;
export type Certificate = z.infer<typeof certificateSchema>;
export type Testimony = z.infer<typeof testimony>;
export type Evidence = z.infer<typeof evidenceSchema>;

interface SignedObjects {
  readonly order: Order;
  readonly receipt: Receipt;
  readonly ack: Ack;
  readonly attestation: Attestation;
}
export type ObjectKind = keyof SignedObjects;
export type SignedObject<Kind extends ObjectKind> = SignedObjects[Kind];
export type Unsigned<Kind extends ObjectKind> = Omit<SignedObjects[Kind], 'signature'>;

const schemas = { order: orderSchema, receipt: receiptSchema, ack: ackSchema, attestation: attestationSchema };

/** @throws if the object does not fit its schema or names another signer: neither may leave this node. */
export function signObject<Kind extends ObjectKind>(
  kind: Kind,
  object: Unsigned<Kind>,
  signer: KeyPair,
): SignedObject<Kind> {
  const signed = schemas[kind].parse({ ...object, signature: sign(kind, object, signer) });
  if (signerOf(kind, signed as SignedObject<Kind>) !== signer.publicKeyHex)
    throw new TypeError(`this ${kind} names another signer than the key that should sign it`);
  return signed as SignedObject<Kind>;
}

/** Whether the account that the object names as its author signed exactly this. For objects that their schema accepted. */
export function isGenuine<Kind extends ObjectKind>(kind: Kind, object: SignedObject<Kind>): boolean {
  return verify(kind, object, object.signature, signerOf(kind, object));
}

/** The object's name. It does not cover the signature, so another encoding of the signature makes no other object. */
export function objectHash<Kind extends ObjectKind>(kind: Kind, object: Unsigned<Kind>): string {
  return signedHash(kind, object);
}

/** An object's hash and whether it is genuine, from one canonical form that is made only once. */
export interface SignedForm {
  readonly hash: string;
  /** As `isGenuine`. */
  readonly isGenuine: () => boolean;
}

/** @throws TypeError for what the schema would not have accepted. */
export function signedForm<Kind extends ObjectKind>(kind: Kind, object: SignedObject<Kind>): SignedForm {
  const bytes = signedBytes(kind, object);
  return {
    hash: hashOfBytes(bytes),
    isGenuine: () => verifyBytes(bytes, object.signature, signerOf(kind, object)),
  };
}

function signerOf<Kind extends ObjectKind>(kind: Kind, object: SignedObject<Kind>): string {
  const named = object as Partial<Order & Receipt & Attestation>;
  const signer = { order: named.client, receipt: named.worker, ack: named.client, attestation: named.validator }[kind];
  return signer ?? '';
}
