/** The engine's small pure parts: seeds, slices, batches of text, chat formats, messages of errors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  chatFormats,
  detectChatFormat,
  firstUnknownRole,
  plainFormat,
  writeConversation,
} from '../../../src/engine/chat-format.js';
import { plainMessage } from '../../../src/engine/failure.js';
import { maxSliceTokens, PrefillPace, sliceTargetMs, sliceUnitTokens } from '../../../src/engine/prefill-pace.js';
import type { NativeSampler, SamplerConfig } from '../../../src/engine/native.js';
import { Samplers } from '../../../src/engine/samplers.js';
import { samplerConfig, seedAt } from '../../../src/engine/sampling.js';
import { outletIntervalMs, outletSignMs, TokenOutlet } from '../../../src/engine/token-outlet.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

describe('samplers', () => {
  it('are one for each slot and use, begin every run without what the one before left in them, and go with their engine', () => {
    const told: SamplerConfig[][] = [];
    let disposed = 0;
    const samplers = new Samplers((): NativeSampler => {
      const configs: SamplerConfig[] = [];
      told.push(configs);
      return {
        applyConfig: (config) => void configs.push(config),
        dispose: () => {
          disposed++;
        },
      };
    });
    for (let run = 0; run < 50; run++) {
      const sampler = samplers.picking(run % 2);
      sampler.applyConfig(samplerConfig({ repeatPenalty: 2 }, run, 0, [1], {}));
      if (run % 5 === 0) expect(samplers.weighing(run % 2)).not.toBe(sampler);
    }
    expect(told).toHaveLength(4);
    for (const configs of told)
      for (const [at, config] of configs.entries())
        if (at % 2 === 0) expect(Object.keys(config).sort()).toEqual(['minP', 'seed', 'temperature', 'topK', 'topP']);
    samplers.dispose();
    expect(disposed).toBe(4);
  });
});

describe('random numbers', () => {
  it('depend on seed and position alone, and differ for neighbours', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), fc.nat(100_000), (seed, position) => {
        const here = seedAt(seed, position);
        expect(here).toBe(seedAt(seed, position));
        expect(Number.isInteger(here) && here >= 0 && here < 2 ** 32).toBe(true);
        expect(seedAt(seed, position + 1)).not.toBe(here);
      }),
    );
    const seen = new Set(Array.from({ length: 200 }, (_, i) => seedAt(i % 20, Math.floor(i / 20))));
    expect(seen.size).toBe(200);
    expect(seedAt(2 ** 40 + 1, 0)).not.toBe(seedAt(1, 0));
  });

  it('go to the sampler with the request’s options, the penalty with its window', () => {
    expect(samplerConfig({ temperature: 0 }, 1, 0, [], undefined)).not.toHaveProperty('repeatPenalty');
    const recent = Array.from({ length: 100 }, (_, i) => i);
    const config = samplerConfig({ repeatPenalty: 1.2, topK: 3 }, 1, 0, recent, undefined);
    expect(config).toMatchObject({ topK: 3, repeatPenalty: 1.2 });
    expect(config.repeatPenaltyTokens).toEqual(Uint32Array.from(recent.slice(36)));
  });
});

describe('the length of slices', () => {
  it('starts at the unit, stays a multiple of it within bounds, and at most doubles', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 512 }), fc.float({ min: 0, max: 60_000, noNaN: true }))),
        (all) => {
          const pace = new PrefillPace();
          expect(pace.sliceTokens).toBe(sliceUnitTokens);
          for (const [tokens, tookMs] of all) {
            const before = pace.sliceTokens;
            pace.measured(tokens, tookMs);
            expect(pace.sliceTokens % sliceUnitTokens).toBe(0);
            expect(pace.sliceTokens).toBeGreaterThanOrEqual(sliceUnitTokens);
            expect(pace.sliceTokens).toBeLessThanOrEqual(Math.min(maxSliceTokens, 2 * before));
          }
        },
      ),
    );
  });

  it('comes to what takes the target time', () => {
    const pace = new PrefillPace();
    for (let i = 0; i < 10; i++) pace.measured(pace.sliceTokens, pace.sliceTokens / 1.3); // 1.3 tokens a millisecond
    expect(pace.sliceTokens).toBe(Math.floor((1.3 * sliceTargetMs) / sliceUnitTokens) * sliceUnitTokens);
    for (let i = 0; i < 20; i++) pace.measured(pace.sliceTokens, pace.sliceTokens * 10);
    expect(pace.sliceTokens).toBe(sliceUnitTokens);
  });
});

describe('the outlet of tokens', () => {
  class TestClock implements Clock {
    time = 0;
    timers: { at: number; fn: () => void }[] = [];
    now = (): number => this.time;
    monotonicMs = (): number => this.time;
    setTimeout = (fn: () => void, delayMs: number) => {
      const timer = { at: this.time + delayMs, fn };
      this.timers.push(timer);
      return timer;
    };
    clearTimeout = (handle: unknown): void => void (this.timers = this.timers.filter((timer) => timer !== handle));
    onWake = () => () => {};
    advance(toMs: number): void {
      this.time = toMs;
      const due = this.timers.filter(({ at }) => at <= toMs);
      this.timers = this.timers.filter(({ at }) => at > toMs);
      for (const { fn } of due) fn();
    }
  }

  it('sends the first at once, then what gathered, no oftener than the interval, and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ gap: fc.nat(30), text: fc.constantFrom('', 'a', 'bc'), tokens: fc.nat(2) }), {
          minLength: 1,
        }),
        (pushes) => {
          const clock = new TestClock();
          const sent: { at: number; text: string; tokens: number }[] = [];
          const outlet = new TokenOutlet(clock, (text, tokens) => sent.push({ at: clock.time, text, tokens }));
          for (const { gap, text, tokens } of pushes) {
            for (let ms = 0; ms < gap; ms++) clock.advance(clock.time + 1);
            outlet.push({ text, tokens });
          }
          const regular = sent.length;
          outlet.flush();
          expect(clock.timers).toEqual([]);
          expect(sent.map(({ text }) => text).join('')).toBe(pushes.map(({ text }) => text).join(''));
          expect(sent.every(({ text }) => text !== '')).toBe(true);
          expect(outlet.sentTokens).toBe(sent.reduce((sum, { tokens }) => sum + tokens, 0));
          for (let i = 1; i < regular; i++)
            expect((sent[i]?.at ?? 0) - (sent[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(outletIntervalMs);
          const firstText = pushes.findIndex(({ text }) => text !== '');
          if (firstText >= 0)
            expect(sent[0]?.at).toBe(pushes.slice(0, firstText + 1).reduce((sum, { gap }) => sum + gap, 0));
        },
      ),
    );
  });
});

describe('where tokens are picked and their text may not leave', () => {
  it('an empty piece says every second that the run goes on, and what leaves in the end is counted once', () => {
    const clock = new VirtualClock();
    const sent: { text: string; tokens: number }[] = [];
    const outlet = new TokenOutlet(clock, (text, tokens) => sent.push({ text, tokens }));
    for (let token = 0; token < 36; token++) {
      outlet.push({ text: '', tokens: 0 });
      clock.advance(100);
    }
    expect(outletSignMs).toBe(1_000);
    expect(sent).toEqual(Array(3).fill({ text: '', tokens: 0 }));
    outlet.push({ text: 'a call, cut short', tokens: 36 });
    expect(sent.slice(3)).toEqual([{ text: 'a call, cut short', tokens: 36 }]);
    expect(outlet.sentTokens).toBe(36);
    expect(clock.pending).toBe(0);
  });
});

describe('chat formats', () => {
  const never = (): boolean => false;
  it.each([
    ["{% for m in messages %}{{'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>'}}{% endfor %}", 'chatml'],
    ["{{ '<|start_header_id|>' + role + '<|end_header_id|>\\n\\n' + content + '<|eot_id|>' }}", 'llama3'],
    ["{{ '<|im_start|>' + role + '<|im_sep|>' + content + '<|im_end|>' }}", 'phi4'],
    ["{{ '<|header_start|>' + role + '<|header_end|>\\n\\n' + content + '<|eot|>' }}", 'llama4'],
    ["{{ '<|start|>assistant<|channel|>final<|message|>' + content + '<|end|>' }}", 'harmony'],
    ["{{ '<start_of_turn>' + role + '\\n' + content + '<end_of_turn>\\n' }}", 'gemma'],
    ["{{ '<|user|>\\n' + content + '<|end|>\\n<|assistant|>\\n' }}", 'phi3'],
    ["{{ '<|user|>\\n' + content + eos_token + '<|assistant|>' }}", 'zephyr'],
    ["{{ bos_token + '[INST] ' + content + ' [/INST]' }}", 'mistral'],
    ["{{ '<｜User｜>' + content + '<｜Assistant｜>' }}", 'deepseek'],
    ['{% for a in range(100000000) %}{% endfor %}', 'raw'],
    [undefined, 'raw'],
  ])('are told by their marks, never executed: %s', (template, name) => {
    expect(detectChatFormat(template, never).name).toBe(name);
  });

  it('are told by the vocabulary where the file has no template', () => {
    const vocabulary = ['<|im_start|>', '<|im_end|>'];
    expect(detectChatFormat(undefined, (text) => vocabulary.includes(text)).name).toBe('chatml');
  });

  it('write every message once, as text, and end where the answer begins', () => {
    const role = fc.constantFrom('system', 'user', 'assistant');
    const message = fc.record({ role, content: fc.string({ minLength: 1 }) });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1 }),
        fc.constantFrom(...chatFormats, plainFormat),
        (messages, format) => {
          const segments = writeConversation(format, messages);
          const words = segments
            .filter(({ marks }) => !marks)
            .map(({ text }) => text)
            .join('\n');
          for (const { content } of messages) expect(words).toContain(content);
          const marks = segments
            .filter((segment) => segment.marks)
            .map(({ text }) => text)
            .join('');
          expect(marks.endsWith(format.open('assistant'))).toBe(true);
        },
      ),
    );
  });

  it('put a system message before the first user’s words where they have no place for it', () => {
    const mistral = chatFormats.find(({ name }) => name === 'mistral') ?? plainFormat;
    const messages = [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'U' },
      { role: 'assistant', content: 'A' },
      { role: 'user', content: 'V' },
    ];
    const written = writeConversation(mistral, messages)
      .map(({ text }) => text)
      .join('');
    expect(written).toBe('[INST] S\n\nU [/INST]A</s>[INST] V [/INST]');
  });

  it('know which role they cannot write', () => {
    expect(
      firstUnknownRole([
        { role: 'user', content: '' },
        { role: 'root', content: '' },
      ]),
    ).toBe(1);
    expect(firstUnknownRole([{ role: 'system', content: '' }])).toBe(-1);
  });
});

describe('a message about a failure', () => {
  it.each([
    ["failed to open '/home/anna/models/x.gguf'", "failed to open 'x.gguf'"],
    ['C:\\Users\\anna\\x.gguf is bad', 'x.gguf is bad'],
    ['first\n    at load (/srv/a.js:3)', 'first'],
    ['7 / 2 tokens', '7 / 2 tokens'],
  ])('holds no path and no stack: %j', (message, plain) => {
    expect(plainMessage(new Error(message))).toBe(plain);
  });
});
