/**
 * How often a spot check detects an altered answer, and how often it accuses an honest one, on the project's own
 * models, scored by the engine. No time is measured; docs/ledger.md shows the table.
 */
import { join } from 'node:path';
import { forkEngine } from '../../dist/actors/engine-process.js';
import { expectedKeyed } from '../../dist/gguf/keyed-model.js';
import { writeModel } from '../../dist/gguf/models.js';
import { spotCheckOf } from '../../dist/rules/spot-check.js';
import { seededRandom } from '../../dist/runtime/random.js';
import { summarise } from '../rounds.js';

/** @typedef {import('../../dist/engine/messages.js').RunRequest} RunRequest */
/** @typedef {import('../../dist/engine/messages.js').EngineEvent} EngineEvent */
/** @typedef {Extract<EngineEvent, { type: 'ended' }>} Ended */
/** @typedef {import('../../dist/runtime/random.js').Random} Random */
/** @typedef {{ prompt: string, text: string, other: string, foreign: string, finishReason: string, completionTokens: number }} Honest */

export const name = 'spot-checks';
export const about = 'altered answers detected, and honest ones accused (no time is measured)';

const models = /** @type {const} */ (['demo', 'keyed', 'bench-tiny']);
const maxTokens = 100;

/** What is claimed, and whether to have ended by itself. @type {Record<string, (honest: Honest, random: Random) => { text: string, isWhole: boolean }>} */
const claims = {
  honest: ({ text, finishReason }) => ({ text, isWhole: finishReason === 'stop' }),
  junk: (_, random) => ({ text: junk(random), isWhole: false }),
  'another model': ({ foreign }) => ({ text: foreign, isWhole: false }),
  'another question': ({ other }) => ({ text: other, isWhole: false }),
  'shuffled words': ({ text }, random) => ({ text: shuffled(text, random), isWhole: false }),
  'cut in half': ({ text }) => ({ text: text.slice(0, text.lastIndexOf(' ', text.length / 2)), isWhole: true }),
};

/** @param {import('../context.js').Context} context @returns {Promise<import('../report.js').BenchResult>} */
export async function run({ smoke, scratch, say }) {
  const answers = smoke ? 1 : 10;
  const temperatures = smoke ? [0.8] : [0, 0.8, 1.2];
  say(
    `\n| model | temperature | ${Object.keys(claims).join(' | ')} |\n| --- | ---: |${' ---: |'.repeat(Object.keys(claims).length)}`,
  );
  const figures = /** @type {import('../report.js').BenchResult['figures']} */ ([]);
  for (const model of models) {
    const path = join(scratch, `${model}.gguf`);
    await writeModel(model, path);
    const engine = await load(path);
    for (const temperature of temperatures) {
      const random = seededRandom(1);
      /** @type {Map<string, number>} */
      const accused = new Map();
      for (let i = 0; i < answers; i++) {
        const honest = await answer(engine.ask, model, temperature, random);
        for (const [kind, claim] of Object.entries(claims)) {
          const verdict = await check(engine.ask, honest, claim(honest, random), temperature);
          if (verdict === 'improbable' || verdict === 'cut_short') accused.set(kind, (accused.get(kind) ?? 0) + 1);
        }
      }
      const shares = Object.keys(claims).map((kind) => (100 * (accused.get(kind) ?? 0)) / answers);
      say(`| ${model} | ${temperature} | ${shares.map((share) => `${Math.round(share)} %`).join(' | ')} |`);
      for (const [at, kind] of Object.keys(claims).entries())
        figures.push({
          metric: `${kind}, temperature ${temperature}`,
          label: `${kind}, temperature ${temperature}: accused`,
          unit: '%',
          contender: model,
          summary: summarise([shares[at] ?? NaN]),
        });
    }
    engine.stop();
  }
  return {
    bench: name,
    settings: { answers, maxTokens, temperatures },
    rounds: { kept: 1, discarded: 0, othersChecked: false, foreignCores: [] },
    figures,
    comparisons: [],
  };
}

/** @param {Random} random @param {number} below */
const whole = (random, below) => Math.floor(random.next() * below);

/** @param {Ask} ask @param {string} model @param {number} temperature @param {Random} random @returns {Promise<Honest>} */
async function answer(ask, model, temperature, random) {
  const key = whole(random, 31);
  const [prompt, otherPrompt] =
    model === 'keyed' ? [`KEY${key};`, `KEY${key + 1};`] : [`count from ${key}`, `count from ${key + 100}`];
  const options = { temperature, maxTokens: model === 'keyed' ? 2 * maxTokens : maxTokens };
  const { text, end } = await ask({ prompt, options: { ...options, seed: whole(random, 1e9) } });
  const { text: other } = await ask({ prompt: otherPrompt, options: { ...options, seed: whole(random, 1e9) } });
  const foreign = model === 'keyed' ? counted(key) : expectedKeyed(key, maxTokens);
  return { prompt, text, other, foreign, finishReason: end.finishReason, completionTokens: end.completionTokens };
}

/** As a client asks it: what ended by its length is not judged by its end. @param {Ask} ask @param {Honest} honest @param {{ text: string, isWhole: boolean }} claim @param {number} temperature */
async function check(ask, { prompt, completionTokens }, { text, isWhole }, temperature) {
  const options = isWhole ? { temperature } : { temperature, maxTokens: completionTokens };
  const { end } = await ask({ prompt, options, claimedText: text });
  if (end.weighing === undefined) throw new Error('nothing was weighed');
  return spotCheckOf(end.weighing).verdict;
}

/** @param {Random} random */
const junk = (random) =>
  Array.from({ length: 40 }, () =>
    Array.from({ length: 2 + whole(random, 7) }, () => String.fromCharCode(97 + whole(random, 26))).join(''),
  ).join(' ');

/** @param {number} from */
const counted = (from) => Array.from({ length: maxTokens }, (_, i) => `${from + 1 + i}`).join(' ');

/** @param {string} text @param {Random} random */
function shuffled(text, random) {
  const words = text.split(' ');
  for (let i = words.length - 1; i > 0; i--) {
    const j = whole(random, i + 1);
    [words[i], words[j]] = [words[j] ?? '', words[i] ?? ''];
  }
  return words.join(' ');
}

/** @typedef {(request: RunRequest) => Promise<{ text: string, end: Ended }>} Ask */

/** @param {string} modelPath @returns {Promise<{ ask: Ask, stop: () => void }>} */
async function load(modelPath) {
  /** @type {(event: EngineEvent) => void} */
  let hear = () => {};
  /** @type {(error: Error) => void} */
  let fail = () => {};
  const engine = forkEngine().spawn({
    message: (event) => hear(event),
    exited: ({ code, stderrTail }) => fail(new Error(`the engine process ended with ${code}: ${stderrTail}`)),
  });
  await new Promise((resolve, reject) => {
    fail = reject;
    hear = (event) => {
      if (event.type === 'up')
        engine.send({ type: 'load', modelPath, slots: 1, gpuLayers: 0, threads: 1, contextSize: 2_048 });
      if (event.type === 'load_failed') reject(new Error(event.message));
      if (event.type === 'loaded') resolve(event);
    };
  });
  let last = 0;
  /** @type {Ask} */
  const ask = (request) =>
    new Promise((resolve, reject) => {
      const run = ++last;
      let text = '';
      fail = reject;
      hear = (event) => {
        if (!('run' in event) || event.run !== run) return;
        if (event.type === 'tokens') text += event.text;
        if (event.type === 'failed') reject(new Error(event.message));
        if (event.type === 'ended') resolve({ text, end: event });
      };
      engine.send({ type: 'run', run, slot: 0, reuse: false, request });
    });
  return { ask, stop: () => engine.send({ type: 'stop' }) };
}
