/**
 * The messages of the inference network: one schema each, from which its type follows. Fields that a schema does not
 * name are dropped on decoding, since a later version may send them. docs/protocol.md says what each field means, and a
 * test compares its table with these schemas.
 */
import { z } from 'zod';
import { limits } from './limits.js';
import type { FinishReason } from './run.js';
import * as s from './schema.js';
import { ackSchema, orderSchema } from './signed-objects.js';

export const protocolVersion = 2;

/** The fields every message begins with. */
export const head = <Type extends string>(type: Type) => ({ v: z.literal(protocolVersion), type: z.literal(type) });

const samplingOptions = s.fields({
  maxTokens: z.number().int().min(1).max(limits.maxTokens).exactOptional(),
  temperature: z.number().min(0).max(100).exactOptional(),
  topP: z.number().min(0).max(1).exactOptional(),
  topK: z.number().int().min(0).exactOptional(),
  minP: z.number().min(0).max(1).exactOptional(),
  seed: z.number().int().exactOptional(),
  stop: s.list(z.string().min(1).max(limits.maxStopChars), limits.maxStopStrings).exactOptional(),
  repeatPenalty: z.number().positive().max(100).exactOptional(),
  jsonSchema: s.jsonSchema.exactOptional(),
});

const tool = s.fields({
  name: s.name,
  description: z.string().exactOptional(),
  parameters: s.jsonSchema.exactOptional(),
});

const modelOffer = z.object({
  name: s.name,
  sha256: s.sha256,
  bytes: s.count,
  contextSize: s.count,
  capabilities: s.list(s.name, limits.maxCapabilities),
});

/** From a worker: what it serves and how busy it is. Its first frame, then on change and as a heartbeat. */
const status = z.object({
  ...head('status'),
  workerId: s.publicKey,
  models: s.list(modelOffer, limits.maxModels),
  health: s.fields({ score: s.percent, state: s.name, capacity: s.percent, ledger: s.name.exactOptional() }),
  queue: z.object({ length: s.count, capacity: s.count }),
  slots: z.object({ total: s.count, busy: s.count }),
  performance: z.object({ avgResponseMs: s.duration.nullable(), tokensPerSecond: z.number().min(0).nullable() }),
  uptimeMs: s.duration,
  agent: s.name,
  at: s.time,
});

/** From a client: a request. Ends in exactly one `inference_result` or `inference_error`. */
const prompt = s
  .fields({
    ...head('prompt'),
    id: s.requestId,
    prompt: z.string().exactOptional(),
    messages: s
      .list(z.object({ role: z.string().min(1).max(limits.maxRoleChars), content: z.string() }), limits.maxMessages, 1)
      .exactOptional(),
    model: s.name.exactOptional(),
    options: samplingOptions.exactOptional(),
    tools: s.list(tool, limits.maxTools).exactOptional(),
    stream: z.boolean().exactOptional(),
    resume: z.object({ text: z.string() }).exactOptional(),
    deadlineMs: s.duration.max(limits.maxDeadlineMs).exactOptional(),
    order: orderSchema.exactOptional(),
    salt: s.salt.exactOptional(),
    work: z
      .object({
        challenge: s.challenge,
        nonce: s.nonce,
      })
      .exactOptional(),
    check: z.object({ text: z.string(), model: s.name }).exactOptional(),
  })
  .refine((request) => (request.prompt === undefined) !== (request.messages === undefined), {
    path: ['prompt'],
    message: 'exactly one of prompt and messages must be given',
  });

/** From a worker: where a request stands. Also the keepalive. */
const queueStatus = z.object({
  ...head('queue_status'),
  id: s.requestId,
  position: s.count,
  length: s.count,
  tier: s.name,
  estimatedWaitMs: s.duration,
});

/** From a worker: the next piece of text. */
const inferenceToken = z.object({
  ...head('inference_token'),
  id: s.requestId,
  index: s.count,
  text: z.string(),
  tokens: s.count,
});

const finishReasons = ['stop', 'length', 'cancelled', 'tool_calls'] as const satisfies readonly FinishReason[];

/** From a worker: a request's answer, and its end. */
const inferenceResult = s.fields({
  ...head('inference_result'),
  id: s.requestId,
  text: z.string(),
  model: z.object({ name: s.name, sha256: s.sha256 }),
  usage: z.object({ promptTokens: s.count, completionTokens: s.count }),
  timing: z.object({ queuedMs: s.duration, firstTokenMs: s.duration.nullable().default(null), totalMs: s.duration }),
  finishReason: z.enum(finishReasons),
  toolCalls: s.list(z.object({ name: s.name, arguments: s.json }), limits.maxToolCalls).exactOptional(),
  check: z.object({ meanLogProb: z.number(), tokens: s.count, verdict: s.name }).exactOptional(),
  /**
   * Not validated here: a bad receipt must not cost the client its answer. Whoever acks it checks it with
   * receiptSchema.
   */
  receipt: s.jsonObject.exactOptional(),
});

/**
 * From a worker: a request ended without an answer. `code` may come from a later version; `retryable` says what to do.
 */
const inferenceError = s.fields({
  ...head('inference_error'),
  id: s.requestId,
  code: s.name,
  message: z.string().transform((text) => text.slice(0, limits.maxErrorMessageChars)),
  retryable: z.boolean(),
  retryAfterMs: s.duration.exactOptional(),
  work: z.object({ challenge: s.challenge, bits: s.count.max(256) }).exactOptional(),
});

/** From a client: stop this request. It still ends in its result, with the text so far. */
const cancel = z.object({ ...head('cancel'), id: s.requestId });

/** From a client: its signature on the receipt. */
const receiptAck = z.object({ ...head('receipt_ack'), id: s.requestId, ack: ackSchema });

/**
 * From an end that uses another key than its identity: proof of the account behind it. First frame only. On the score
 * network the `role` `client` says that this end only looks up, and attests nothing.
 */
const hello = s.fields({
  ...head('hello'),
  node: s.publicKey,
  key: s.publicKey,
  signature: s.signature,
  role: s.name.exactOptional(),
});

export const inferenceSchemas = {
  status,
  prompt,
  queue_status: queueStatus,
  inference_token: inferenceToken,
  inference_result: inferenceResult,
  inference_error: inferenceError,
  cancel,
  receipt_ack: receiptAck,
  hello,
} as const;

export type MessageType = keyof typeof inferenceSchemas;
type Message<Type extends MessageType> = z.infer<(typeof inferenceSchemas)[Type]>;

export type StatusMessage = Message<'status'>;
export type PromptMessage = Message<'prompt'>;
export type QueueStatusMessage = Message<'queue_status'>;
export type InferenceTokenMessage = Message<'inference_token'>;
export type InferenceResultMessage = Message<'inference_result'>;
export type InferenceErrorMessage = Message<'inference_error'>;
export type CancelMessage = Message<'cancel'>;
export type ReceiptAckMessage = Message<'receipt_ack'>;
export type HelloMessage = Message<'hello'>;

export type ClientMessage = PromptMessage | CancelMessage | ReceiptAckMessage | HelloMessage;
export type WorkerMessage =
  StatusMessage | QueueStatusMessage | InferenceTokenMessage | InferenceResultMessage | InferenceErrorMessage;
export type InferenceMessage = ClientMessage | WorkerMessage;
