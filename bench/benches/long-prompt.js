/** A long prompt arrives while answers run: the longest time for which a reader of one sees nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { engine } from '../contenders/engine.js';
import { llamaServer, llamaServerBinary } from '../contenders/llama-server.js';
import { nodeLlamaCpp } from '../contenders/node-llama-cpp.js';
import { settingsOf } from '../context.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { keepStreaming, promptOf } from '../workload.js';

export const name = 'long-prompt';
export const about = 'the longest gap in running streams while a long prompt is read';

const streams = 3;
const full = { longPromptTokens: 700, warmMs: 1_000, contextSize: 1_024, maxTokens: 700 };
const smoke = { longPromptTokens: 120, warmMs: 100, contextSize: 512, maxTokens: 400 };
const longAnswerTokens = 4;

/** @param {import('../context.js').Context} given */
export async function run(given) {
  const plan = given.smoke ? smoke : full;
  const load = { ...given.load, slots: streams + 1, contextSize: plan.contextSize, maxTokens: plan.maxTokens };
  const context = { ...given, load };
  const server = llamaServerBinary();
  const contenders = [
    engine(context),
    nodeLlamaCpp(context),
    ...(server === undefined ? [] : [llamaServer(context, server)]),
  ].map((contender) => ({
    ...contender,
    /** @param {number} round */
    measure: (round) => gapsUnderLongPrompt(contender, plan, load, round),
  }));
  const rounds = await runRounds(contenders, { rounds: given.rounds, keepDisturbed: given.smoke, say: given.say });
  const metrics = {
    longestGapMs: { label: 'longest gap in a stream', unit: 'ms', compare: /** @type {const} */ ('ratio') },
    longPromptMs: { label: 'first token of the long prompt', unit: 'ms', compare: /** @type {const} */ ('ratio') },
  };
  const names = contenders.map((contender) => contender.name);
  return resultOf(name, { ...settingsOf(context), ...plan, runningStreams: streams }, metrics, names, rounds);
}

/**
 * @param {import('../workload.js').Asked} contender
 * @param {typeof full} plan
 * @param {import('../workload.js').Load} load
 * @param {number} round
 */
async function gapsUnderLongPrompt({ ask }, plan, load, round) {
  const running = Array.from({ length: streams }, (_, stream) => {
    const seed = (round + 2) * 16 + stream;
    const watched = { heardMs: NaN, longestGapMs: 0 };
    const onTokens = () => {
      const now = performance.now();
      if (!Number.isNaN(watched.heardMs)) watched.longestGapMs = Math.max(watched.longestGapMs, now - watched.heardMs);
      watched.heardMs = now;
    };
    return { watched, end: keepStreaming(ask, load, seed, onTokens) };
  });
  while (running.some(({ watched }) => Number.isNaN(watched.heardMs))) await delay(10);
  await delay(plan.warmMs);
  for (const { watched } of running) watched.longestGapMs = 0;
  const seed = (round + 2) * 16 + streams;
  const long = await ask({ prompt: promptOf(plan.longPromptTokens, seed), maxTokens: longAnswerTokens, seed });
  const longestGapMs = Math.max(...running.map(({ watched }) => watched.longestGapMs));
  await Promise.all(running.map(({ end }) => end()));
  return { longestGapMs, longPromptMs: long.firstTokenMs };
}
