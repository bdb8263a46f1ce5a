import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import {
  admitClient,
  admitRequest,
  type AdmissionView,
  type ClientView,
  type ProofVerdict,
} from '../../../src/rules/admission.js';

const counter = { name: 'counter', sha256: 'a'.repeat(64), capabilities: ['tools', 'jsonSchema', 'check'] };
const plain = { name: 'plain', sha256: 'b'.repeat(64), capabilities: [] };
const open: AdmissionView = {
  isOwner: false,
  models: [counter, plain],
  healthCapacity: 100,
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
  const verdict = admitRequest(prompt, { ...open, ...view });
  return verdict.admitted ? 'admitted' : verdict.code;
};

const welcome: ClientView = {
  isOwner: false,
  tier: 'guest',
  access: 'open',
  banLeftMs: 0,
  provenBanLeftMs: 0,
  bucketWaitMs: 0,
  unfinished: 0,
  avgResponseMs: undefined,
  health: 'idle',
  proof: () => 'missing',
};
const unwelcome: ClientView = {
  ...welcome,
  access: 'denied',
  banLeftMs: 90_000,
  provenBanLeftMs: 900_000,
  bucketWaitMs: 2_500,
  unfinished: limits.maxUnfinishedPerClient,
  health: 'moderate',
};

describe('the client', () => {
  it('is refused for the first reason that applies, in the order of the rules', () => {
    const repairs: readonly (readonly [refusal: object, repair: Partial<ClientView>])[] = [
      [{ code: 'banned', message: expect.stringContaining('owner of this worker does not serve') }, { access: 'open' }],
      [{ code: 'banned', retryAfterMs: 90_000 }, { banLeftMs: 0 }],
      [{ code: 'banned', message: expect.stringContaining('two versions') }, { provenBanLeftMs: 0 }],
      [{ code: 'rate_limited', retryAfterMs: 2_500 }, { bucketWaitMs: 0 }],
      [{ code: 'rate_limited', retryAfterMs: 1_000 }, { unfinished: limits.maxUnfinishedPerClient - 1 }],
      [{ code: 'work_required' }, { proof: () => 'good' }],
    ];
    let view = unwelcome;
    for (const [refusal, repair] of repairs) {
      expect(admitClient(view)).toMatchObject(refusal);
      view = { ...view, ...repair };
    }
    expect(admitClient(view)).toBeUndefined();
  });

  it('is always admitted if it is the owner', () => {
    expect(admitClient({ ...unwelcome, isOwner: true, unfinished: 10_000 })).toBeUndefined();
  });

  it('learns that it is not on the allow list', () => {
    expect(admitClient({ ...welcome, access: 'not_named' })).toMatchObject({
      code: 'banned',
      message: expect.stringContaining('named'),
    });
  });

  it.each<[state: string, tier: ClientView['tier'], isAsked: boolean]>([
    ['idle', 'guest', false],
    ['light', 'guest', false],
    ['moderate', 'guest', true],
    ['busy', 'guest', true],
    ['overloaded', 'guest', true],
    ['moderate', 'bronze', false],
    ['overloaded', 'master', false],
  ])('where the machine is %s, as %s: work is asked for: %s', (health, tier, isAsked) => {
    let looks = 0;
    const proof = (): ProofVerdict => {
      looks++;
      return 'good';
    };
    expect(admitClient({ ...welcome, health, tier, proof })).toBeUndefined();
    expect(looks).toBe(isAsked ? 1 : 0);
    expect(admitClient({ ...welcome, health, tier })?.code).toBe(isAsked ? 'work_required' : undefined);
  });

  it.each(['missing', 'late', 'useless'] as const)(
    'must prove work again, and is told why, if the proof is %s',
    (verdict) => {
      const said = (proof: ProofVerdict) => admitClient({ ...welcome, health: 'busy', proof: () => proof });
      expect(said(verdict)).toMatchObject({ code: 'work_required' });
      const others = (['missing', 'late', 'useless'] as const).filter((other) => other !== verdict);
      for (const other of others) expect(said(verdict)?.message).not.toBe(said(other)?.message);
    },
  );
});

describe('the request', () => {
  it('is admitted to the model named by name or hash, or to the first one', () => {
    for (const [model, name] of [
      [undefined, 'counter'],
      ['plain', 'plain'],
      ['Plain', 'plain'],
      [plain.sha256, 'plain'],
    ] as const) {
      const prompt = model === undefined ? ask() : ask({ model });
      expect(admitRequest(prompt, open)).toMatchObject({ admitted: true, model: { name } });
    }
  });

  it('is refused in the order of the rules', () => {
    const wrong = ask({ model: 'plain', tools: [{ name: 't' }] });
    const view: AdmissionView = { ...open, models: [], healthCapacity: 0, queueFull: true };
    expect(codeOf(wrong, view)).toBe('model_not_found');
    expect(codeOf(wrong, { healthCapacity: 0, queueFull: true })).toBe('bad_request');
    expect(codeOf(ask({ model: 'plain' }), { healthCapacity: 0, queueFull: true })).toBe('overloaded');
    expect(codeOf(ask({ model: 'plain' }), { queueFull: true })).toBe('queue_full');
    expect(codeOf(ask({ model: 'plain' }), {})).toBe('admitted');
  });

  it('is admitted for the owner even on an overloaded machine', () => {
    expect(codeOf(ask(), { healthCapacity: 0 })).toBe('overloaded');
    expect(codeOf(ask(), { healthCapacity: 0, isOwner: true })).toBe('admitted');
  });

  it.each([
    ['options.jsonSchema', ask({ model: 'plain', options: { jsonSchema: {} } })],
    ['tools', ask({ model: 'plain', tools: [{ name: 't' }] })],
  ])('is refused %s for a model that cannot do it, naming the field, and let in for one that can', (field, prompt) => {
    const verdict = admitRequest(prompt, open);
    expect(verdict).toMatchObject({ admitted: false, code: 'bad_request' });
    expect(verdict).toHaveProperty('message', expect.stringContaining(`${field}: `));
    expect(codeOf({ ...prompt, model: 'counter' }, {})).toBe('admitted');
  });

  it('is checked by the model claimed to have answered, if that model can do it', () => {
    const check = { text: 'x', model: plain.sha256 };
    expect(admitRequest(ask({ model: 'counter', check }), open)).toMatchObject({ code: 'bad_request' });
    expect(codeOf(ask({ check: { text: 'x', model: 'counter' } }), {})).toBe('admitted');
    expect(codeOf(ask({ model: 'counter', check: { text: 'x', model: 'nobody' } }), {})).toBe('model_not_found');
  });

  it('learns which models are served if the requested one is not, in a message that fits the protocol', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ ...plain, name: `model-${i}-${'x'.repeat(90)}` }));
    const verdict = admitRequest(ask({ model: 'q'.repeat(limits.maxNameChars) }), { ...open, models: many });
    expect(verdict).toHaveProperty('message', expect.stringContaining('model-0-'));
    if (!verdict.admitted) expect(verdict.message.length).toBeLessThanOrEqual(2 * limits.maxErrorMessageChars);
    expect(admitRequest(ask(), { ...open, models: [] })).toHaveProperty(
      'message',
      expect.stringContaining('no model ready'),
    );
  });

  it('learns which served name it may have meant', () => {
    const verdict = admitRequest(ask({ model: 'qwem' }), { ...open, meant: 'qwen' });
    expect(verdict).toHaveProperty('message', expect.stringMatching(/does not serve qwem; .* Did you mean qwen\?$/));
  });

  it('learns when to come back if that helps: after a mean response, or a second', () => {
    const full = { ...open, queueFull: true };
    expect(admitRequest(ask(), { ...full, avgResponseMs: 2_345.6 })).toMatchObject({ retryAfterMs: 2_346 });
    expect(admitRequest(ask(), full)).toMatchObject({ retryAfterMs: 1_000 });
    expect(admitRequest(ask(), { ...full, healthCapacity: 0 })).toMatchObject({ retryAfterMs: expect.any(Number) });
    expect(admitRequest(ask({ model: 'none' }), full)).not.toHaveProperty('retryAfterMs');
  });
});
