/**
 * The shapes of what is signed around a paid request (docs/protocol.md): order, receipt, ack. A signed object has exactly
 * these fields, for one more would be signed without being understood. Whether they are true is not decided here.
 */
import { z } from 'zod';
import { count, exactly, name, publicKey, requestId, sha256, signature, time } from './schema.js';

export const orderSchema = exactly({
  network: name,
  client: publicKey,
  worker: publicKey,
  id: requestId,
  promptHash: sha256,
  promptChars: count,
  maxPrice: count,
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

export type Order = z.infer<typeof orderSchema>;
export type Receipt = z.infer<typeof receiptSchema>;
export type Ack = z.infer<typeof ackSchema>;
