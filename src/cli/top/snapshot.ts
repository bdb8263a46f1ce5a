/**
 * What `qmesh top` knows at one moment: this home's worker, through its control socket, and the mesh as a client sees
 * it.
 */
import { askWorker } from '../../actors/control/ask.js';
import type { WorkerReport } from '../../actors/control/messages.js';
import type { QMeshClient, WorkerView } from '../../client/client.js';
import type { Clock } from '../../runtime/clock.js';

export interface MeshWorker {
  readonly worker: string;
  /** It is this home's worker. */
  readonly isHere: boolean;
  /** Its last status is less than 15 s old. */
  readonly isFresh: boolean;
  readonly models: readonly string[];
  readonly health: WorkerView['status']['health'];
  readonly slots: WorkerView['status']['slots'];
  readonly queue: WorkerView['status']['queue'];
  readonly performance: WorkerView['status']['performance'];
  readonly uptimeMs: number;
  readonly agent: string;
}

export interface TopSnapshot {
  /** Unix time. */
  readonly at: number;
  /** Null if this home has no running worker, or it does not answer. */
  readonly here: WorkerReport | null;
  /** The workers this program is connected to. */
  readonly mesh: readonly MeshWorker[];
}

export interface TopSources {
  readonly home: string;
  readonly client: Pick<QMeshClient, 'workers'>;
  readonly clock: Clock;
}

export async function takeSnapshot({ home, client, clock }: TopSources): Promise<TopSnapshot> {
  const answer = await askWorker({ path: home }, { do: 'status' }).catch(() => 'none' as const);
  const here = typeof answer === 'object' && 'report' in answer ? answer.report : null;
  const mesh = client.workers().map((view) => meshWorker(view, here?.workerId));
  return { at: clock.now(), here, mesh: mesh.sort(busiestFirst) };
}

function meshWorker({ worker, status, isFresh }: WorkerView, here: string | undefined): MeshWorker {
  const { models, health, slots, queue, performance, uptimeMs, agent } = status;
  const names = models.map(({ name }) => name);
  return {
    worker,
    isHere: worker === here,
    isFresh,
    models: names,
    health,
    slots,
    queue,
    performance,
    uptimeMs,
    agent,
  };
}

/** This home's worker first; equals sorted by ID, so that rows stay in place. */
const busiestFirst = (a: MeshWorker, b: MeshWorker): number =>
  Number(b.isHere) - Number(a.isHere) || b.slots.busy - a.slots.busy || (a.worker < b.worker ? -1 : 1);
