/**
 * The machine's owner starts a program while an answer is being decoded: what is left of the stream, what the program
 * loses, and whether everything recovers when it ends. llama.cpp's own server in the same situation is the peer.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { startBusyProgram } from '../busy-program.js';
import { llamaServer, llamaServerBinary } from '../contenders/llama-server.js';
import { mesh } from '../contenders/mesh.js';
import { settingsOf } from '../context.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { keepStreaming } from '../workload.js';

export const name = 'owners-program';
export const about = "decoding beside a program of the owner: the stream, the program, the worker's capacity";

const times = {
  firstTokenMs: 30_000,
  warmMs: 1_500,
  windowMs: 4_000,
  settleMs: 3_000,
  recoverMs: 5_000,
  capacityMs: 120_000,
};
const smokeTimes = { firstTokenMs: 10_000, warmMs: 100, windowMs: 300, settleMs: 300, recoverMs: 300, capacityMs: 300 };
const pollMs = 100;

/** @param {import('../context.js').Context} given */
export async function run(given) {
  const plan = given.smoke ? smokeTimes : times;
  // One stream that outlasts a round, in one slot; as many threads as an owner gets who sets nothing.
  const load = {
    ...given.load,
    slots: 1,
    contextSize: given.smoke ? 512 : 4096,
    maxTokens: given.smoke ? 400 : 3_500,
  };
  const context = { ...given, load };
  const server = llamaServerBinary();
  const worker = mesh(context);
  const contenders = [worker, ...(server === undefined ? [] : [llamaServer(context, server)])].map((contender) => ({
    ...contender,
    /** @param {number} round */
    measure: async (round) => ({
      ...(await besideBusyProgram(contender, plan, load, round)),
      ...(contender === worker && round >= 0 ? await capacityBesideBusyPrograms(worker.health, plan.capacityMs) : {}),
    }),
  }));
  const rounds = await runRounds(contenders, {
    rounds: given.rounds,
    keepDisturbed: given.smoke,
    say: given.say,
  });
  const metrics = {
    alone: { label: 'decode, alone on the machine', unit: 'tokens/s', compare: /** @type {const} */ ('ratio') },
    beside: { label: "decode, beside the owner's program", unit: 'tokens/s', compare: /** @type {const} */ ('ratio') },
    after: { label: 'decode, after it has ended', unit: 'tokens/s', compare: /** @type {const} */ ('ratio') },
    programShare: { label: "speed of the owner's program, of what it has alone", unit: '×' },
    capacityFellMs: { label: 'programs on every core: until the capacity falls', unit: 'ms' },
    capacityBackMs: { label: 'programs on every core: until it is back after their end', unit: 'ms' },
  };
  const names = contenders.map((contender) => contender.name);
  return resultOf(name, { ...settingsOf(context), ...plan }, metrics, names, rounds);
}

/**
 * @param {import('../workload.js').Asked} contender
 * @param {typeof times} plan
 * @param {import('../workload.js').Load} load
 * @param {number} round
 */
async function besideBusyProgram({ ask }, plan, load, round) {
  const aloneProgram = await startBusyProgram();
  const aloneRate = aloneProgram.watch();
  await delay(plan.windowMs);
  const programAlone = aloneRate();
  await aloneProgram.stop();
  await delay(plan.settleMs); // whoever looked at the machine meanwhile sees it quiet again

  let heard = 0;
  /** Tokens per second over one window. */
  const rate = async () => {
    const [from, started] = [heard, performance.now()];
    await delay(plan.windowMs);
    return (1000 * (heard - from)) / (performance.now() - started);
  };
  const end = keepStreaming(ask, load, round + 7, (tokens) => (heard += tokens));
  const deadline = performance.now() + plan.firstTokenMs;
  while (heard === 0 && performance.now() < deadline) await delay(10);
  await delay(plan.warmMs);
  const alone = await rate();
  const program = await startBusyProgram();
  await delay(plan.settleMs);
  const programRate = program.watch();
  const beside = await rate();
  const programShare = programRate() / programAlone;
  await program.stop();
  await delay(plan.recoverMs);
  const after = await rate();
  await end();
  return { alone, beside, after, programShare };
}

/**
 * @param {() => { capacity: number } | undefined} health
 * @param {number} maxMs
 */
async function capacityBesideBusyPrograms(health, maxMs) {
  const programs = await Promise.all(Array.from({ length: availableParallelism() }, startBusyProgram));
  const capacityFellMs = await timeUntil(() => (health()?.capacity ?? 100) < 100, maxMs);
  for (const program of programs) await program.stop();
  const capacityBackMs = await timeUntil(() => health()?.capacity === 100, maxMs);
  return { capacityFellMs, capacityBackMs };
}

/**
 * @param {() => boolean} isReached
 * @param {number} maxMs
 */
async function timeUntil(isReached, maxMs) {
  const started = performance.now();
  while (!isReached() && performance.now() - started < maxMs) await delay(pollMs);
  return performance.now() - started;
}
