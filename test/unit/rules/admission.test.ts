import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import { admit, type AdmissionView } from '../../../src/rules/admission.js';

const counter = { name: 'counter', sha256: 'a'.repeat(64), capabilities: ['tools', 'jsonSchema', 'check'] };
const plain = { name: 'plain', sha256: 'b'.repeat(64), capabilities: [] };
const open: AdmissionView = {
  draining: false,
  unfinishedOfClient: 0,
  isOwner: false,
  models: [counter, plain],
  queueFull: false,
  avgResponseMs: undefined,
};
const ask = (fields: Partial<PromptMessage> = {}): PromptMessage => ({
  v: 2,
  type: 'prompt',
  id: 'a',
  prompt: '',
  ...fields,
});
const codeOf = (prompt: PromptMessage, view: Partial<AdmissionView>): string => {
  const verdict = admit(prompt, { ...open, ...view });
  return verdict.admitted ? 'admitted' : verdict.code;
};

describe('admission', () => {
  it('lets in what nothing speaks against, to the model asked for by name or hash, or to the first', () => {
    for (const [model, name] of [
      [undefined, 'counter'],
      ['plain', 'plain'],
      [plain.sha256, 'plain'],
    ] as const) {
      const prompt = model === undefined ? ask() : ask({ model });
      expect(admit(prompt, open)).toMatchObject({ admitted: true, model: { name } });
    }
  });

  it('refuses in the order of the rules: with everything wrong at once, each reason shows when those before it are gone', () => {
    const wrong = ask({ model: 'plain', tools: [{ name: 't' }] });
    const view: AdmissionView = {
      ...open,
      draining: true,
      unfinishedOfClient: limits.maxUnfinishedPerClient,
      models: [],
      queueFull: true,
    };
    expect(codeOf(wrong, view)).toBe('shutting_down');
    expect(codeOf(wrong, { ...view, draining: false })).toBe('rate_limited');
    expect(codeOf(wrong, { ...view, draining: false, unfinishedOfClient: 0 })).toBe('model_not_found');
    expect(codeOf(wrong, { queueFull: true })).toBe('bad_request');
    expect(codeOf(ask({ model: 'plain' }), { queueFull: true })).toBe('queue_full');
    expect(codeOf(ask({ model: 'plain' }), {})).toBe('admitted');
  });

  it(`lets a client have ${limits.maxUnfinishedPerClient} unfinished requests, and the owner as many as he likes`, () => {
    expect(codeOf(ask(), { unfinishedOfClient: limits.maxUnfinishedPerClient - 1 })).toBe('admitted');
    expect(codeOf(ask(), { unfinishedOfClient: limits.maxUnfinishedPerClient })).toBe('rate_limited');
    expect(codeOf(ask(), { unfinishedOfClient: 10_000, isOwner: true })).toBe('admitted');
  });

  it.each([
    ['options.jsonSchema', ask({ model: 'plain', options: { jsonSchema: {} } })],
    ['tools', ask({ model: 'plain', tools: [{ name: 't' }] })],
    ['check', ask({ model: 'plain', check: { text: 'x', model: plain.sha256 } })],
  ])('refuses %s for a model that cannot do it, naming the field, and lets it in for one that can', (field, prompt) => {
    const verdict = admit(prompt, open);
    expect(verdict).toMatchObject({ admitted: false, code: 'bad_request' });
    expect(verdict).toHaveProperty('message', expect.stringContaining(`${field}: `));
    expect(codeOf({ ...prompt, model: 'counter' }, {})).toBe('admitted');
  });

  it('says what it serves where the model asked for is not among it, in a message that fits the protocol', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ ...plain, name: `model-${i}-${'x'.repeat(90)}` }));
    const verdict = admit(ask({ model: 'q'.repeat(limits.maxNameChars) }), { ...open, models: many });
    expect(verdict).toHaveProperty('message', expect.stringContaining('model-0-'));
    if (!verdict.admitted) expect(verdict.message.length).toBeLessThanOrEqual(2 * limits.maxErrorMessageChars);
    expect(admit(ask(), { ...open, models: [] })).toHaveProperty('message', expect.stringContaining('no model ready'));
  });

  it('says when to come back where coming back helps: after a mean response, or a second', () => {
    const full = { ...open, queueFull: true };
    expect(admit(ask(), { ...full, avgResponseMs: 2_345.6 })).toMatchObject({ retryAfterMs: 2_346 });
    expect(admit(ask(), full)).toMatchObject({ retryAfterMs: 1_000 });
    expect(admit(ask({ model: 'none' }), full)).not.toHaveProperty('retryAfterMs');
  });
});
