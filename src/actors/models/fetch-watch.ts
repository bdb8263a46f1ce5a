/** Reports a fetch to the worker's log and board: its source, its progress, and problems. */
import type { ModelSource } from '../../machines/fetch.js';
import type { FetchWatch } from '../fetch.actor.js';
import type { WorkerDeps } from '../worker/worker-ports.js';

/** Minimum time between log lines about the progress of one fetch. */
const progressLogMs = 10_000;

/** @param place of the model in the list of wanted models */
export function fetchWatch({ board, log, clock, models }: WorkerDeps, place: number): FetchWatch {
  const wanted = models[place] ?? '';
  let source: ModelSource | undefined;
  let toldAtMs = -Infinity;
  return {
    searching: ({ peers, offered }) => log.info('model.searching', { model: wanted, peers, offered: offered.length }),
    source(next) {
      source = next;
      const { name, memoryBytes } = next;
      const bytes = next.kind === 'mesh' ? next.content.bytes : next.aboutBytes;
      log.info('model.source', { model: wanted, name, from: whence(next), bytes, memoryBytes });
    },
    progress({ bytes, totalBytes, seeders }) {
      board.setFetch(place, {
        model: source?.name ?? wanted,
        from: source === undefined ? '' : whence(source),
        bytes,
        totalBytes: totalBytes ?? null,
        seeders,
      });
      if (clock.monotonicMs() - toldAtMs < progressLogMs) return;
      toldAtMs = clock.monotonicMs();
      log.info('model.fetching', { model: wanted, bytes, totalBytes, seeders });
    },
    trouble: (what) => log.warn('model.trouble', { model: wanted, what }),
    verifying: () => log.info('model.verifying', { model: wanted }),
  };
}

const whence = (source: ModelSource): string => (source.kind === 'mesh' ? 'the mesh' : source.uri);
