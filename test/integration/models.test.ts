/**
 * The project's own models in the real llama.cpp, on the CPU: their answers are the known ones to the last character, alone
 * and batched, raw and in a chat, from the start and resumed.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import {
  getLlama,
  type Llama,
  type LlamaContextSequence,
  LlamaGrammarEvaluationState,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
} from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoHelpText, demoLastNumber, demoStarts, demoUnicodeText, expectedCount } from '../../src/gguf/demo-model.js';
import { expectedKeyed, keyedKeys, keyedSteps } from '../../src/gguf/keyed-model.js';
import { type ModelKind, writeModel } from '../../src/gguf/models.js';
import { writeHostileModels } from '../support/hostile-models.js';

const contextSize = 8192;
const sequences = 8;

let folder: string;
let llama: Llama;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qmesh-llama-'));
  llama = await getLlama({ gpu: false, build: 'never', skipDownload: true });
});
// The models are not disposed of: this file has a process of its own, which ends with it, and the library's dispose() was
// seen to wait for ever for a generator that had been left early.
afterAll(() => rm(folder, { recursive: true }));

/** A model of ours, loaded; `say` gives the text of up to `tokens` tokens, and `ended` whether the model ended by itself. */
class Loaded {
  private constructor(
    readonly model: LlamaModel,
    readonly sequences: readonly LlamaContextSequence[],
  ) {}

  static async open(kind: ModelKind): Promise<Loaded> {
    const modelPath = join(folder, `${kind}.gguf`);
    await writeModel(kind, modelPath);
    const model = await llama.loadModel({ modelPath, checkTensors: true });
    const context = await model.createContext({ contextSize, sequences, threads: 1 });
    return new Loaded(
      model,
      Array.from({ length: sequences }, () => context.getSequence()),
    );
  }

  /** @param parts tokenised one by one, as an engine does with a prompt and the text it resumes from. */
  async say(
    parts: readonly string[],
    tokens: number,
    options: SequenceEvaluateOptions & { sequence?: number } = {},
  ): Promise<{ text: string; ended: boolean; said: Token[] }> {
    const { sequence: index = 0, ...evaluation } = options;
    const sequence = this.sequences[index]!;
    const prompt = [this.model.tokens.bos!, ...parts.flatMap((part) => this.model.tokenize(part, true))];
    const said: Token[] = [];
    let ended = false;
    await sequence.clearHistory();
    for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true, ...evaluation })) {
      ended = this.model.isEogToken(token);
      if (!ended) said.push(token);
      if (ended || said.length >= tokens) break;
    }
    return { text: this.model.detokenize(said), ended, said };
  }
}

/** Turns of user and assistant, in ChatML, up to where the assistant speaks. */
const chat = (...turns: string[]): string =>
  turns.map((text, i) => `<|im_start|>${i % 2 === 0 ? 'user' : 'assistant'}\n${text}<|im_end|>\n`).join('') +
  '<|im_start|>assistant\n';

const start = fc.nat(demoStarts - 1);
/** Text that asks for nothing by itself: no digits, and none of the words that the demo model knows. */
const filler = fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => !/\d|from|nicode|moji|KEY/i.test(text));

describe('the demo model', () => {
  let demo: Loaded;
  beforeAll(async () => {
    demo = await Loaded.open('demo');
  });

  it('counts from any number below 1,000, raw and in a chat, whatever else is said', async () => {
    const phrase = fc.constantFrom('count from ', 'Count from ', 'please count up from ', 'From ');
    await fc.assert(
      fc.asyncProperty(start, phrase, filler, filler, fc.boolean(), async (n, words, before, after, inChat) => {
        const text = `${before} ${words}${n}, please.${after}`;
        const { text: answer } = await demo.say([inChat ? chat(text) : `${text}\n`], 12);
        expect(answer).toBe(expectedCount(n, 12));
      }),
      { numRuns: 60 },
    );
  });

  it('counts from each of them, to the letter of the shortest prompt', async () => {
    for (let n = 0; n < demoStarts; n++) {
      const prompt = n % 2 === 0 ? `count from ${n}` : chat(`count from ${n}`);
      expect((await demo.say([prompt], 3)).text, prompt).toBe(expectedCount(n, 3));
    }
  });

  it('counts through thousands of tokens to its last number, then ends', async () => {
    const { text, ended } = await demo.say([chat('x'.repeat(4000) + ' count from 5')], 9999);
    expect(text).toBe(expectedCount(5, demoLastNumber));
    expect(ended).toBe(true);
  });

  it('follows the latest request of a conversation', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(start, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 80 }),
        async (numbers, said) => {
          const turns = numbers.flatMap((n) => [`count from ${n}`, expectedCount(n, said)]).slice(0, -1);
          expect((await demo.say([chat(...turns)], 6)).text).toBe(expectedCount(numbers.at(-1)!, 6));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('goes on from any point of its own answer', async () => {
    await fc.assert(
      fc.asyncProperty(start, fc.integer({ min: 1, max: 300 }), fc.boolean(), async (n, said, inChat) => {
        const request = inChat ? chat(`count from ${n}`) : `count from ${n}`;
        const { text } = await demo.say([request, expectedCount(n, said)], 10);
        expect(expectedCount(n, said) + text).toBe(expectedCount(n, said + 10));
      }),
      { numRuns: 20 },
    );
  });

  it('says the same at any temperature that people use', async () => {
    const { text } = await demo.say([chat('count from 5')], 500, { temperature: 1.5, seed: 7 });
    expect(text).toBe(expectedCount(5, 500));
  });

  it('says what to ask where there is nothing to count from', async () => {
    for (const prompt of [
      chat('hello'),
      'hello',
      '',
      chat('5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5'),
    ]) {
      expect(await demo.say([prompt], 99)).toMatchObject({ text: demoHelpText, ended: true });
    }
  });

  it('spells characters beyond ASCII in single bytes, and goes on within one', async () => {
    const { text, ended, said } = await demo.say([chat('say something in unicode')], 99);
    expect({ text, ended }).toEqual({ text: demoUnicodeText, ended: true });
    const bytes = said.filter((token) => demo.model.detokenize([token]) === '\ufffd');
    expect(bytes).toHaveLength(Buffer.byteLength(demoUnicodeText.replaceAll(/[ a-z]/g, '')));
    expect(await demo.say([chat('unicode'), '✓ plus é'], 99)).toMatchObject({ text: ' minus 漢字 times 👍' });
  });

  it('ends under a JSON schema, with valid JSON', async () => {
    const number = await llama.createGrammarForJsonSchema({ type: 'object', properties: { n: { type: 'integer' } } });
    const several = await llama.createGrammarForJsonSchema({
      type: 'object',
      properties: {
        name: { type: 'string' },
        list: { type: 'array', items: { type: 'number' } },
        ok: { type: 'boolean' },
      },
    });
    const answers = await Promise.all(
      [number, several].map(async (grammar, sequence) => {
        const grammarEvaluationState = new LlamaGrammarEvaluationState({ model: demo.model, grammar });
        const { text, ended } = await demo.say([chat('count from 5')], 64, { grammarEvaluationState, sequence });
        return ended && (JSON.parse(text) as unknown);
      }),
    );
    expect(answers).toEqual([{ n: 6 }, { name: expect.any(String), list: expect.any(Array), ok: expect.any(Boolean) }]);
  });
});

describe('the keyed model', () => {
  let keyed: Loaded;
  beforeAll(async () => {
    keyed = await Loaded.open('keyed');
  });

  it('answers each of a batch of sequences by its own key, to the end', async () => {
    const prompts = fc.array(fc.tuple(fc.nat(keyedKeys - 1), filler, filler), {
      minLength: sequences,
      maxLength: sequences,
    });
    await fc.assert(
      fc.asyncProperty(prompts, async (batch) => {
        const answers = await Promise.all(
          batch.map(([key, before, after], sequence) =>
            keyed.say([`${before}KEY${key};${after}`], keyedSteps + 1, { sequence }),
          ),
        );
        const expected = batch.map(([key]) => ({ text: expectedKeyed(key, keyedSteps), ended: true }));
        expect(answers.map(({ text, ended }) => ({ text, ended }))).toEqual(expected);
      }),
      { numRuns: 4 },
    );
  });

  it('goes on from any point of its own answer, and ends at once without a key', async () => {
    for (const [key, said] of [
      [0, 1],
      [3, 50],
      [keyedKeys - 1, keyedSteps - 1],
    ] as const) {
      const { text } = await keyed.say([chat(`KEY${key}; go on`), expectedKeyed(key, said)], 5);
      expect(expectedKeyed(key, said) + text).toBe(expectedKeyed(key, said + 5));
    }
    expect(await keyed.say([chat('no key')], 5)).toMatchObject({ text: '', ended: true });
  });
});

describe('the benchmark models', () => {
  it('never end by themselves', async () => {
    const tiny = await Loaded.open('bench-tiny');
    expect(await tiny.say(['Once upon a time'], 600)).toMatchObject({ ended: false });
  });
});

describe('hostile models that the reader leaves to llama.cpp', () => {
  it('are refused by it without dying, or served as long as no template is executed', async () => {
    const models = (await writeHostileModels(join(folder, 'hostile'))).filter(
      ({ refusedBy }) => refusedBy !== 'reader',
    );
    const outcomes: [string, boolean | string][] = [];
    for (const { name, path } of models) outcomes.push([name, await loadApart(path)]);
    expect(outcomes).toEqual(models.map(({ name, refusedBy }) => [name, refusedBy === 'served']));
  });
});

/** Loads a file in a process of its own. @returns whether it was loaded, or how the process died. */
function loadApart(modelPath: string): Promise<boolean | string> {
  const script = fileURLToPath(new URL('../support/load-model.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, modelPath], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      resolve(code === 0 ? (JSON.parse(output) as { loaded: boolean }).loaded : `died: ${signal ?? code ?? ''}`);
    });
  });
}
