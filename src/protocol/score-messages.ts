/**
 * The messages of the score network: one schema each, from which its type follows. docs/ledger.md says what they mean
 * for the ledger. Both ends of a connection send the same kinds.
 */
import { z } from 'zod';
import { limits } from './limits.js';
import { head, inferenceSchemas } from './messages.js';
import * as s from './schema.js';
import { attestationSchema, certificateSchema, claimSchema, evidenceSchema } from './signed-objects.js';

const prefix = z.string().regex(/^[0-9a-f]{0,64}$/, 'must be up to 64 lower-case hex characters');

/** Finished requests to be attested, and certificates. */
const scoreUpdate = z
  .object({
    ...head('score_update'),
    receipts: s.list(claimSchema, limits.maxScoreItems),
    certificates: s.list(certificateSchema, limits.maxScoreItems),
  })
  .refine(({ receipts, certificates }) => receipts.length + certificates.length <= limits.maxScoreItems, {
    path: ['certificates'],
    message: `there must be at most ${limits.maxScoreItems} items in all`,
  });

/** Validators' verdicts, and proofs of signing two versions. */
const scoreVerify = s.fields({
  ...head('score_verify'),
  attestations: s.list(attestationSchema, limits.maxScoreItems),
  evidence: s.list(evidenceSchema, limits.maxScoreItems).exactOptional(),
});

/** Anti-entropy: digests of ranges of hashes, and the hashes themselves where there are few. */
const scoreRequest = s.fields({
  ...head('score_request'),
  ranges: s.list(z.object({ prefix, digest: s.sha256 }), limits.maxRanges),
  keys: s
    .list(z.object({ prefix, hashes: s.list(s.sha256, limits.maxHashesPerKeys) }), limits.maxRanges)
    .exactOptional(),
});

export const scoreSchemas = {
  hello: inferenceSchemas.hello,
  score_update: scoreUpdate,
  score_verify: scoreVerify,
  score_request: scoreRequest,
} as const;

export type ScoreMessageType = keyof typeof scoreSchemas;
type Message<Type extends ScoreMessageType> = z.infer<(typeof scoreSchemas)[Type]>;

export type ScoreUpdateMessage = Message<'score_update'>;
export type ScoreVerifyMessage = Message<'score_verify'>;
export type ScoreRequestMessage = Message<'score_request'>;
export type ScoreMessage = Message<ScoreMessageType>;

export type HashRange = ScoreRequestMessage['ranges'][number];
export type HashKeys = NonNullable<ScoreRequestMessage['keys']>[number];
