/**
 * The metrics at `/metrics`, in Prometheus' conventions: base units, and `_total` for counters. The values of every
 * label are a fixed set of words from this program, never names, keys or addresses. Everything but the durations is
 * computed only when scraped.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WorkerDeps } from '../actors/worker/worker-ports.js';
import { viewOf, type WorkerView } from '../actors/worker/worker-view.js';
import type { RequestSummary } from '../actors/worker/tally.js';
import { tiers } from '../rules/tiers.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { processMetrics } from './process-metrics.js';

const secondsToFirstToken = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const secondsOfRequest = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

export class Metrics {
  readonly #registry = new Registry();
  readonly #firstToken: Histogram;
  readonly #queued: Histogram;
  readonly #whole: Histogram;
  #view: (() => WorkerView) | undefined;
  #pages: () => number = () => 0;

  constructor() {
    this.#firstToken = this.#histogram(
      'qmesh_first_token_seconds',
      'From a request to the first token of its answer.',
      secondsToFirstToken,
    );
    this.#queued = this.#histogram('qmesh_queue_seconds', 'How long a request waited for a slot.', secondsToFirstToken);
    this.#whole = this.#histogram('qmesh_request_seconds', 'From a request to its end.', secondsOfRequest);
    this.#counters();
    this.#gauges();
    processMetrics(this.#registry);
  }

  /** From now on the metrics are those of this worker. */
  attach(deps: WorkerDeps, system: AnyActorSystem, pages: () => number): void {
    this.#view = () => viewOf(deps, system);
    this.#pages = pages;
    deps.tally.onEnd((summary) => this.#observe(summary));
  }

  async text(): Promise<{ readonly type: string; readonly body: string }> {
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #observe({ queuedMs, firstTokenMs, totalMs }: RequestSummary): void {
    this.#queued.observe(queuedMs / 1_000);
    if (firstTokenMs !== undefined) this.#firstToken.observe(firstTokenMs / 1_000);
    this.#whole.observe(totalMs / 1_000);
  }

  #counters(): void {
    this.#counter(
      'qmesh_requests_total',
      'Admitted requests that have ended, by how.',
      'end',
      ({ done }) => done.ended,
    );
    this.#counter('qmesh_requests_refused_total', 'Requests that were refused, by the code of the refusal.', 'code', ({ done }) => done.refused); // prettier-ignore
    this.#counter('qmesh_frames_dropped_total', 'Frames of clients that were no message and were owed no answer.', undefined, ({ done }) => ({ '': done.droppedFrames })); // prettier-ignore
    this.#counter('qmesh_tokens_total', 'Tokens read and written.', 'kind', ({ done }) => ({
      prompt: done.promptTokens,
      completion: done.tokens,
    }));
    this.#counter(
      'qmesh_engine_restarts_total',
      'Engine processes that ended unexpectedly.',
      undefined,
      ({ done }) => ({
        '': done.engineLosses,
      }),
    );
    this.#counter('qmesh_actor_restarts_total', 'Restarts by supervisors.', undefined, ({ done }) => ({
      '': done.actorRestarts,
    }));
    this.#counter('qmesh_dead_letters_total', 'Messages to actors that were not there.', undefined, ({ done }) => ({
      '': done.deadLetters,
    }));
  }

  #gauges(): void {
    const one = (value: number): Record<string, number> => ({ '': value });
    const share = (view: WorkerView): number => view.health.capacity / 100;
    this.#gauge('qmesh_ready', '1 where it takes requests, else 0.', undefined, ({ notReady }) =>
      one(notReady === null ? 1 : 0),
    );
    this.#gauge('qmesh_queue_length', 'Requests that wait for a slot, by tier.', 'tier', ({ waiting }) =>
      Object.fromEntries(['owner' as const, ...tiers].map((tier) => [tier, waiting[tier] ?? 0])),
    );
    this.#gauge('qmesh_queue_capacity', 'Requests that may wait.', undefined, ({ queue }) => one(queue.capacity));
    this.#gauge('qmesh_slots', 'Slots of all engines.', undefined, ({ usage }) => one(usage.total));
    this.#gauge('qmesh_slots_busy', 'Slots with a request in them.', undefined, ({ usage }) => one(usage.busy));
    this.#gauge('qmesh_engines', 'Engines, by state.', 'state', engineStates);
    this.#gauge('qmesh_models_loaded', 'Models that can be asked.', undefined, ({ engines }) =>
      one(engines.filter(isServing).length),
    );
    this.#gauge('qmesh_peers', 'Connections, by network.', 'network', ({ peers }) => peers);
    this.#gauge('qmesh_health_score', 'How free this machine is, 0 to 100.', undefined, ({ health }) =>
      one(health.score),
    );
    this.#gauge('qmesh_health_capacity_ratio', 'Share of slots and queue that may be filled.', undefined, (view) =>
      one(share(view)),
    );
    this.#gauge('qmesh_points', 'Certified points of this worker; absent without a ledger.', undefined, ({ points }) =>
      points === null ? {} : one(points.balanceMillipoints / 1_000),
    );
    this.#gauge('qmesh_uptime_seconds', 'Since it started.', undefined, ({ uptimeMs }) => one(uptimeMs / 1_000));
    this.#gauge('qmesh_admin_pages', 'Admin pages that are open.', undefined, () => one(this.#pages()));
    this.#gauge('qmesh_build_info', 'Always 1; the label has the version.', 'version', ({ agent }) => ({
      [agent.slice(agent.indexOf('/') + 1)]: 1,
    }));
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  #counter(name: string, help: string, label: string | undefined, read: Read): void {
    const view = (): WorkerView | undefined => this.#view?.();
    new Counter({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect() {
        this.reset(); // the tally does the counting
        for (const [value, labels] of readings(view(), label, read)) this.inc(labels, value);
      },
    });
  }

  #gauge(name: string, help: string, label: string | undefined, read: Read): void {
    const view = (): WorkerView | undefined => this.#view?.();
    new Gauge({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, labels] of readings(view(), label, read)) this.set(labels, value);
      },
    });
  }
}

/** By value of the label; '' if there is no label. */
type Read = (view: WorkerView) => Readonly<Partial<Record<string, number>>>;

function readings(
  view: WorkerView | undefined,
  label: string | undefined,
  read: Read,
): (readonly [value: number, labels: Record<string, string>])[] {
  if (view === undefined) return [];
  return Object.entries(read(view)).map(([key, value = 0]) => [value, label === undefined ? {} : { [label]: key }]);
}

const isServing = ({ state }: { readonly state: string }): boolean => state.startsWith('running.ready');

/**
 * Engines by outer state of machines/engine.machine.ts. `running` counts as `ready` or `starting`, depending on whether
 * the model is loaded.
 */
function engineStates({ engines }: WorkerView): Record<string, number> {
  const counts: Record<string, number> = { ready: 0, starting: 0, waiting: 0, crashed: 0, refused: 0, quarantined: 0 };
  for (const engine of engines) {
    const outer = engine.state.split('.')[0] ?? '';
    const state = isServing(engine) ? 'ready' : outer === 'running' ? 'starting' : outer;
    if (state in counts) counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}
