/**
 * Turns a JSON object from a frame into a message, or says why it is not one. Never throws. The owner of the connection
 * decides what to do with each outcome (docs/protocol.md, Messages that do not fit).
 */
import type { z } from 'zod';
import { fieldPath } from './field-path.js';
import type { FrameObject } from './frame.js';
import { idPattern } from './limits.js';
import { inferenceSchemas, protocolVersion, type InferenceMessage } from './messages.js';
import { scoreSchemas, type ScoreMessage } from './score-messages.js';

export type DecodeOutcome<Message = InferenceMessage> =
  | { readonly kind: 'message'; readonly message: Message }
  /** Possibly from a later version: ignored. */
  | { readonly kind: 'unknown_type'; readonly type: string }
  /**
   * `id` is present if it could be read. A prompt with it is owed a `bad_request` with this `message`, which names the
   * field; a part of an answer with it will never arrive in a readable form.
   */
  | {
      readonly kind: 'invalid';
      readonly type: string;
      readonly id?: string;
      readonly field: string;
      readonly message: string;
    }
  /** `id` is that of a prompt, which is owed `unsupported_version`. */
  | { readonly kind: 'unsupported_version'; readonly id?: string };

const maxTypeChars = 64;
const maxProblemChars = 200;

/** A message of the inference network. */
export const decodeMessage = decoderOf<InferenceMessage>(inferenceSchemas);

/** A message of the score network. */
export const decodeScoreMessage = decoderOf<ScoreMessage>(scoreSchemas);

function decoderOf<Message>(
  schemasByType: Readonly<Record<string, z.ZodType<Message>>>,
): (value: FrameObject) => DecodeOutcome<Message> {
  const schemas: ReadonlyMap<string, z.ZodType<Message>> = new Map(Object.entries(schemasByType));
  return (value) => {
    const type = value.type;
    if (typeof type !== 'string')
      return { kind: 'invalid', type: '', field: 'type', message: 'type: must be a string' };
    const schema = schemas.get(type);
    if (schema === undefined) return { kind: 'unknown_type', type: type.slice(0, maxTypeChars) };
    if (typeof value.v === 'number' && value.v !== protocolVersion)
      return { kind: 'unsupported_version', ...(type === 'prompt' && readableId(value)) };
    const parsed = schema.safeParse(value);
    if (parsed.success) return { kind: 'message', message: parsed.data };
    return { kind: 'invalid', type, ...readableId(value), ...firstProblem(parsed.error) };
  };
}

function readableId({ id }: FrameObject): { id?: string } {
  return typeof id === 'string' && idPattern.test(id) ? { id } : {};
}

function firstProblem(error: z.ZodError): { field: string; message: string } {
  const [issue] = error.issues;
  const field = fieldPath(issue?.path ?? []);
  return { field, message: `${field}: ${issue?.message ?? 'invalid'}`.slice(0, maxProblemChars) };
}
