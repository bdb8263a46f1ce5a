/**
 * The load put to every contender: the same prompts, token for token, and the same number of tokens back. Tokens are
 * counted, never characters, and a contender that does not get or return the agreed number fails the bench.
 *
 * In the benchmark models every letter is one token, so a prompt's length is known in advance.
 */

/** @typedef {{ prompt: string, maxTokens: number, seed: number }} Request */

/** @typedef {{ promptTokens: number, completionTokens: number, firstTokenMs: number, totalMs: number }} Answer */

/**
 * For callers that watch a stream: `onTokens` gets each batch as it arrives; `signal` ends it early, and the answer is
 * then what had arrived.
 * @typedef {{ onTokens?: (tokens: number) => void, signal?: AbortSignal }} Watch
 */

/** @typedef {(request: Request, watch?: Watch) => Promise<Answer>} Ask */

/** @typedef {import('./rounds.js').Contender & { ask: Ask }} Asked a contender that other loads can be put to */

/** @typedef {{ streams: number[], promptTokens: number, maxTokens: number, contextSize: number, slots: number }} Load */

/** A prompt of typical length, and an answer of a few sentences. */
export const fullLoad = { streams: [1, 4], promptTokens: 208, maxTokens: 128, contextSize: 1024, slots: 4 };

export const smokeLoad = { streams: [1, 4], promptTokens: 24, maxTokens: 8, contextSize: 256, slots: 4 };

/**
 * Letters that differ from the first one on, so that no prompt's start is in any cache.
 * @param {number} tokens the beginning-of-text token included
 * @param {number} seed
 */
export function promptOf(tokens, seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Array.from({ length: tokens - 1 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return String.fromCharCode(97 + ((state >>> 24) % 26));
  }).join('');
}

/**
 * Random weights may end on bytes that begin a character and never finish it. These tokens are computed like all
 * others, but yield no text, so the engine does not count them.
 */
const maxUnspokenTokens = 4;

/**
 * One run of `streams` concurrent requests.
 * @param {Ask} ask
 * @param {Load} load
 * @param {number} streams
 * @param {number} seed
 */
async function runStreams(ask, load, streams, seed) {
  const started = performance.now();
  const answers = await Promise.all(
    Array.from({ length: streams }, (_, stream) =>
      ask({
        prompt: promptOf(load.promptTokens, seed * 64 + stream),
        maxTokens: load.maxTokens,
        seed: seed * 64 + stream,
      }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const { promptTokens, completionTokens } of answers) {
    const unspoken = load.maxTokens - completionTokens;
    if (promptTokens !== load.promptTokens || unspoken < 0 || unspoken > maxUnspokenTokens) {
      throw new Error(
        `asked with ${load.promptTokens} tokens for ${load.maxTokens}; it counted ${promptTokens} and gave ${completionTokens}`,
      );
    }
  }
  return { answers, tokensPerSecond: (streams * load.maxTokens) / seconds };
}

/**
 * The figures of one round: first token of a single stream, and tokens per second for each number of streams, prompt
 * included.
 * @param {Ask} ask
 * @param {Load} load
 * @param {number} round
 */
export async function measureLoad(ask, load, round) {
  const figures = /** @type {Record<string, number>} */ ({});
  for (const streams of load.streams) {
    const { answers, tokensPerSecond } = await runStreams(ask, load, streams, (round + 2) * 8 + streams);
    figures[throughputMetric(streams)] = tokensPerSecond;
    if (streams === 1) figures.firstTokenMs = answers[0]?.firstTokenMs ?? NaN;
  }
  return figures;
}

/** @param {number} streams */
export function throughputMetric(streams) {
  return `tokensPerSecond${streams}`;
}

/**
 * Keeps one stream running: asks again whenever an answer ends.
 * @param {Ask} ask
 * @param {Load} load
 * @param {number} seed
 * @param {(tokens: number) => void} onTokens
 * @returns {() => Promise<void>} ends it
 */
export function keepStreaming(ask, load, seed, onTokens) {
  const stop = new AbortController();
  const { signal } = stop;
  const streaming = (async () => {
    for (let turn = 0; !signal.aborted; turn++) {
      const prompt = promptOf(load.promptTokens, seed + 1_000 * turn);
      await ask({ prompt, maxTokens: load.maxTokens, seed }, { onTokens, signal });
    }
  })();
  streaming.catch(() => {}); // reported by the caller that ends it
  return () => {
    stop.abort();
    return streaming;
  };
}

/**
 * How the metrics of `measureLoad` are shown and compared.
 * @param {Load} load
 * @returns {Record<string, import('./report.js').Metric>}
 */
export function loadMetrics(load) {
  return {
    firstTokenMs: { label: 'first token, 1 stream', unit: 'ms', compare: 'difference' },
    ...Object.fromEntries(
      load.streams.map((streams) => [
        throughputMetric(streams),
        { label: `${streams} stream${streams > 1 ? 's' : ''}, prompt included`, unit: 'tokens/s', compare: 'ratio' },
      ]),
    ),
  };
}
