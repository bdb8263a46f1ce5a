/**
 * The usual process metrics of a Prometheus client, read when scraped. (prom-client's own collection keeps timers and
 * observers running between scrapes, which an idle worker should not.)
 */
import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

export function processMetrics(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time of the worker process, without its engines.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge('process_start_time_seconds', 'Unix time at which the process started.', () => performance.timeOrigin / 1_000);
  gauge('process_resident_memory_bytes', 'Memory of the worker process, without its engines.', () =>
    process.memoryUsage.rss(),
  );
  gauge('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed);
  gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of the time since the start in which the event loop was busy.',
    () => performance.eventLoopUtilization().utilization,
  );
}
