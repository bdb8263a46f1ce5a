import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../../src/protocol/decode.js';
import { errorCodes, inferenceError, type ErrorCode } from '../../../src/protocol/errors.js';

const codes = Object.keys(errorCodes) as ErrorCode[];

describe('error codes', () => {
  it('can be retried elsewhere exactly where another worker may do better', () => {
    const retryable = codes.filter((code) => errorCodes[code].retryable);
    expect(retryable).toEqual([
      'model_not_found',
      'queue_full',
      'overloaded',
      'slot_failed',
      'shutting_down',
      'internal',
    ]);
  });

  it.each(codes)('%s makes a message that decodes', (code) => {
    const message = inferenceError({ id: 'a', code, message: 'what, why, what next' });
    expect(decodeMessage({ ...message })).toEqual({ kind: 'message', message });
    expect(message.retryable).toBe(errorCodes[code].retryable);
  });

  it('are never lost for a message that is too long', () => {
    const message = inferenceError({ id: 'a', code: 'internal', message: 'x'.repeat(10_000) });
    expect(decodeMessage({ ...message }).kind).toBe('message');
  });

  it('come with one line, whatever of what the client said is repeated in it', () => {
    const { message } = inferenceError({
      id: 'a',
      code: 'model_not_found',
      message: 'no\r\nsuch \u001b[2Jmodel\u0085',
    });
    expect(message).toBe('no such  [2Jmodel ');
  });
});
