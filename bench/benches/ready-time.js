/** How long `node dist/worker.js` takes to serve the demo model, on the first start and on later ones. */
import { join } from 'node:path';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';
import { startWorker } from '../worker-process.js';
import { localMesh } from '../local-mesh.js';

export const name = 'ready-time';
export const about = 'from `node dist/worker.js` to its ready line';

/** @param {import('../context.js').Context} context */
export async function run({ scratch, rounds, smoke, say }) {
  const network = await localMesh();
  const contender = {
    name: 'worker',
    start: async () => {},
    /** @param {number} round */
    async measure(round) {
      const environment = { QMESH_HOME: join(scratch, `ready-${round}`), QMESH_BOOTSTRAP: network.bootstrap };
      const figures = /** @type {Record<string, number>} */ ({});
      for (const metric of ['firstStartMs', 'laterStartMs']) {
        const worker = await startWorker(environment);
        figures[metric] = worker.readyMs;
        const stopping = performance.now();
        await worker.stop();
        figures.stopMs = performance.now() - stopping;
      }
      return figures;
    },
    stop: () => network.destroy(),
  };
  const measured = await runRounds([contender], { rounds, keepDisturbed: smoke, say });
  const metrics = {
    firstStartMs: { label: 'first start: empty home', unit: 'ms' },
    laterStartMs: { label: 'later start: home exists', unit: 'ms' },
    stopMs: { label: 'SIGTERM to exit, idle', unit: 'ms' },
  };
  return resultOf(name, { model: 'demo' }, metrics, [contender.name], measured);
}
