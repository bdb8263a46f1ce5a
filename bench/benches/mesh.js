/**
 * What the mesh costs: a stranger's prompt through DHT, Noise, worker and engine, compared with using the same model
 * directly.
 */
import { engine } from '../contenders/engine.js';
import { llamaServer, llamaServerBinary } from '../contenders/llama-server.js';
import { mesh } from '../contenders/mesh.js';
import { nodeLlamaCpp } from '../contenders/node-llama-cpp.js';
import { settingsOf } from '../context.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { loadMetrics } from '../workload.js';
import { raiseAfterMs } from '../../dist/rules/pace.js';

export const name = 'mesh';
export const about = 'through the whole mesh, compared with the engine alone, node-llama-cpp and llama-server';

/**
 * To a worker, who computed a moment ago in this round is a program of the machine's owner, and it keeps off his cores until they have been
 * free for a while. So it computes by itself until then.
 */
const settleMs = raiseAfterMs + 1_000;

/** @param {import('../context.js').Context} context */
export async function run(context) {
  const server = llamaServerBinary();
  const contenders = [
    mesh(context, { settleMs: context.smoke ? 0 : settleMs }),
    engine(context),
    nodeLlamaCpp(context, { poolThreads: 1 }),
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
