import { describe, expect, it } from 'vitest';
import { decodeMessage as decodeObject } from '../../../src/protocol/decode.js';
import type { FrameObject } from '../../../src/protocol/frame.js';
import { limits } from '../../../src/protocol/limits.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import type { RunRequest } from '../../../src/protocol/run.js';
import { samples } from './samples.js';

/** As the bytes would bring it: a field set to undefined is not there. */
const decodeMessage = (value: object) => decodeObject(JSON.parse(JSON.stringify(value)) as FrameObject);

const prompt: FrameObject = { ...samples.prompt };

const fieldOf = (change: FrameObject): string => {
  const outcome = decodeMessage({ ...prompt, ...change });
  return outcome.kind === 'invalid' ? outcome.field : outcome.kind;
};

describe('decodeMessage', () => {
  it.each(Object.entries(samples))('reads a full %s as it was written', (_, sample) => {
    expect(decodeMessage({ ...sample })).toEqual({ kind: 'message', message: sample });
  });

  it('drops unknown fields, at every level', () => {
    const outcome = decodeMessage({ ...prompt, later: 1, options: { maxTokens: 3, later: [1] } });
    expect(outcome).toEqual({ kind: 'message', message: { ...prompt, options: { maxTokens: 3 } } });
  });

  it('takes null in an optional field for absent, but not in a required one', () => {
    const { model: _, ...rest } = prompt;
    const outcome = decodeMessage({ ...prompt, model: null, options: { maxTokens: 3, seed: null } });
    expect(outcome).toEqual({ kind: 'message', message: { ...rest, options: { maxTokens: 3 } } });
    expect(decodeMessage({ ...samples.inference_token, text: null })).toMatchObject({ kind: 'invalid', field: 'text' });
  });

  it('does not look at fields that it does not know: a frame has room for a hundred thousand of them', () => {
    const unread = { enumerable: true, get: () => expect.fail('it was read') };
    const options = Object.defineProperty({ seed: null }, 'unknown', unread);
    const full = Object.defineProperty({ ...samples.prompt, model: null, options }, 'unknown', unread);
    expect(decodeObject(full)).toMatchObject({ kind: 'message' });
  });

  it('takes null for a number that is not known yet', () => {
    const performance = { avgResponseMs: null, tokensPerSecond: null };
    expect(decodeMessage({ ...samples.status, performance })).toMatchObject({
      kind: 'message',
      message: { performance },
    });
  });

  it('is lenient with what another program may write otherwise in the end of a request', () => {
    const { firstTokenMs: _, ...timing } = samples.inference_result.timing;
    const message = 'x'.repeat(5_000);
    expect(decodeMessage({ ...samples.inference_result, timing })).toMatchObject({
      message: { timing: { ...timing, firstTokenMs: null } },
    });
    expect(decodeMessage({ ...samples.inference_error, message })).toMatchObject({
      message: { message: message.slice(0, limits.maxErrorMessageChars) },
    });
  });

  it('reports a type that it does not know, whatever its version', () => {
    expect(decodeMessage({ v: 3, type: 'later' })).toEqual({ kind: 'unknown_type', type: 'later' });
    expect(decodeMessage({ v: 2, type: 'constructor' })).toEqual({ kind: 'unknown_type', type: 'constructor' });
    expect(decodeMessage({ v: 2, type: '__proto__' })).toEqual({ kind: 'unknown_type', type: '__proto__' });
    expect(decodeMessage({ v: 2, type: 'x'.repeat(1_000) })).toEqual({ kind: 'unknown_type', type: 'x'.repeat(64) });
  });

  it('tells a prompt of another version from one without a version', () => {
    expect(decodeMessage({ ...prompt, v: 1 })).toEqual({ kind: 'unsupported_version', id: prompt.id });
    expect(decodeMessage({ ...prompt, v: 3, id: 'not readable' })).toEqual({ kind: 'unsupported_version' });
    expect(decodeMessage({ ...samples.cancel, v: 3 })).toEqual({ kind: 'unsupported_version' });
    expect(fieldOf({ v: '2' })).toBe('v');
    expect(fieldOf({ v: undefined })).toBe('v');
  });

  it('gives the id of a malformed message where it can be read', () => {
    expect(decodeMessage({ ...prompt, options: { temperature: -1 } })).toMatchObject({
      kind: 'invalid',
      id: prompt.id,
    });
    for (const id of ['', 'x'.repeat(65), 'a b', 'ä', 7, null, undefined, ['a']]) {
      const outcome = decodeMessage({ ...prompt, id });
      expect(outcome).toMatchObject({ kind: 'invalid', field: 'id' });
      expect(outcome).not.toHaveProperty('id');
    }
    const { usage: _, ...lacking } = samples.inference_result;
    expect(decodeMessage(lacking)).toMatchObject({ kind: 'invalid', id: lacking.id, field: 'usage' });
  });

  it.each<[field: string, change: FrameObject]>([
    ['prompt', { prompt: undefined }],
    ['prompt', { messages: [{ role: 'user', content: 'both' }] }],
    ['prompt', { prompt: 7 }],
    ['messages', { prompt: undefined, messages: [] }],
    ['messages', { prompt: undefined, messages: Array(limits.maxMessages + 1).fill({ role: 'user', content: '' }) }],
    ['messages[1].content', { prompt: undefined, messages: [{ role: 'user', content: '' }, { role: 'user' }] }],
    ['model', { model: '' }],
    ['stream', { stream: 'yes' }],
    ['deadlineMs', { deadlineMs: -1 }],
    ['deadlineMs', { deadlineMs: 2 ** 31 }],
    ['resume.text', { resume: {} }],
    ['options', { options: [] }],
    ['options.maxTokens', { options: { maxTokens: 0 } }],
    ['options.maxTokens', { options: { maxTokens: 1.5 } }],
    ['options.temperature', { options: { temperature: '1' } }],
    ['options.topP', { options: { topP: 1.01 } }],
    ['options.topK', { options: { topK: -1 } }],
    ['options.seed', { options: { seed: 2 ** 53 } }],
    ['options.repeatPenalty', { options: { repeatPenalty: 0 } }],
    ['options.stop', { options: { stop: 'text' } }],
    ['options.stop', { options: { stop: Array(limits.maxStopStrings + 1).fill('x') } }],
    ['options.stop[0]', { options: { stop: [''] } }],
    ['options.jsonSchema', { options: { jsonSchema: [] } }],
    ['options.jsonSchema.minLength', { options: { jsonSchema: { type: 'string', minLength: 5, maxLength: 3 } } }],
    ['options.jsonSchema.oneOf[0].enum', { options: { jsonSchema: { oneOf: [{ enum: [] }] } } }],
    [
      'tools[1].parameters.properties.list.minItems',
      {
        tools: [
          { name: 'plain', parameters: {} },
          { name: 'wrong', parameters: { properties: { list: { type: 'array', minItems: -1 } } } },
        ],
      },
    ],
    ['tools[0].name', { tools: [{ description: 'nameless' }] }],
    ['order.signature', { order: { ...(samples.prompt.order as object), signature: undefined } }],
    ['order', { order: { ...(samples.prompt.order as object), extra: 1 } }],
    ['order.maxPrice', { order: { ...(samples.prompt.order as object), maxPrice: 1.5 } }],
    ['salt', { salt: 'AB'.repeat(16) }],
    ['work.nonce', { work: { ...samples.prompt.work, nonce: 'xyz' } }],
    ['check.model', { check: { text: '' } }],
  ])('names the field: %s', (field, change) => {
    expect(fieldOf(change)).toBe(field);
    const outcome = decodeMessage({ ...prompt, ...change });
    expect(outcome.kind === 'invalid' && outcome.message.startsWith(`${field}: `)).toBe(true);
  });

  it('says nothing long, however long the mistake', () => {
    const outcome = decodeMessage({ ...prompt, order: { ['x'.repeat(100_000)]: 1 } });
    expect(outcome.kind === 'invalid' && outcome.message.length).toBeLessThanOrEqual(200);
  });

  it('does not lose a result for its receipt', () => {
    expect(decodeMessage({ ...samples.inference_result, receipt: { not: 'one' } }).kind).toBe('message');
  });

  it('accepts an error code that a later version added', () => {
    expect(decodeMessage({ ...samples.inference_error, code: 'too_hot' }).kind).toBe('message');
  });

  it('leaves no __proto__ in a decoded message', () => {
    const hostile = JSON.parse(
      `{"__proto__":{"prompt":"x"},${JSON.stringify({ v: 2, type: 'prompt', id: 'a' }).slice(1)}`,
    ) as FrameObject;
    expect(decodeObject(hostile)).toMatchObject({ kind: 'invalid', field: 'prompt' });
    const outcome = decodeObject({ ...hostile, prompt: 'x', model: null });
    expect(outcome).toEqual({ kind: 'message', message: { v: 2, type: 'prompt', id: 'a', prompt: 'x' } });
    expect(outcome.kind === 'message' && Object.hasOwn(outcome.message, '__proto__')).toBe(false);
  });

  it('refuses an array of half a million bad items without looking at them', () => {
    const messages = Array(500_000).fill(0);
    expect(fieldOf({ prompt: undefined, messages })).toBe('messages');
  });

  it('gives the engine what it takes', () => {
    // A compile-time check: the wire's fields fit the run's, so nothing has to be copied by hand.
    const run = (message: PromptMessage): RunRequest => message;
    expect(run).toBeTypeOf('function');
  });
});
