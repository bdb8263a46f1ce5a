/** The engine process compared with node-llama-cpp used directly and with llama.cpp's own server. */
import { engine } from '../contenders/engine.js';
import { llamaServer, llamaServerBinary } from '../contenders/llama-server.js';
import { nodeLlamaCpp } from '../contenders/node-llama-cpp.js';
import { settingsOf } from '../context.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { loadMetrics } from '../workload.js';

export const name = 'engine-direct';
export const about = 'the engine process alone, compared with node-llama-cpp and llama-server';

/** @param {import('../context.js').Context} context */
export async function run(context) {
  const server = llamaServerBinary();
  const contenders = [
    engine(context),
    nodeLlamaCpp(context, { poolThreads: 1 }),
    nodeLlamaCpp(context),
    ...(server === undefined ? [] : [llamaServer(context, server)]),
  ];
  const rounds = await runRounds(contenders, {
    rounds: context.rounds,
    keepDisturbed: context.smoke,
    say: context.say,
  });
  const names = contenders.map((contender) => contender.name);
  return resultOf(name, settingsOf(context), loadMetrics(context.load), names, rounds);
}
