/** A worker's report in words, for its owner. */
import type { WorkerReport } from '../../actors/control/messages.js';
import { showDuration } from './duration.js';

/** @param nowMs Unix time */
export function showReport(report: WorkerReport, nowMs: number): string {
  const { health, models, slots, queue, performance } = report;
  const pace = [
    ...(performance.avgResponseMs === null ? [] : [`${(performance.avgResponseMs / 1_000).toFixed(1)} s a response`]),
    ...(performance.tokensPerSecond === null ? [] : [`${performance.tokensPerSecond} tokens/s`]),
  ];
  const rows: readonly (readonly [string, string])[] = [
    ['worker', report.workerId],
    ['state', showState(report, nowMs)],
    ['schedule', report.schedule ?? 'none: always'],
    ['health', `${health.state}, score ${health.score}, lends ${health.capacity} %`],
    ['models', models.map((model) => showModel(model, report.loaded)).join(', ') || 'none is loaded yet'],
    ...report.fetching.map(showFetch),
    ['slots', `${slots.busy} of ${slots.total} busy`],
    ['queue', `${queue.length} of ${queue.capacity} waiting`],
    ['points', showPoints(report)],
    ['clients', `${report.peers} connected`],
    ['pace', pace.join(', ') || 'nothing answered yet'],
    ['program', `${report.agent}, pid ${report.pid}, up ${showDuration(report.uptimeMs)}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(9)} ${value}`).join('\n');
}

const showPoints = ({ balance }: WorkerReport): string =>
  balance === null ? 'not available: everybody is a guest here; the log says why' : `${balance / 1_000}`;

const showModel = ({ name, sha256 }: WorkerReport['models'][number], loaded: readonly string[]): string =>
  loaded.includes(sha256) ? name : `${name} (loaded when it is asked for)`;

function showFetch({
  model,
  from,
  bytes,
  totalBytes,
  seeders,
}: WorkerReport['fetching'][number]): readonly [string, string] {
  const share = totalBytes === null ? '' : ` (${Math.floor((100 * bytes) / totalBytes)} %)`;
  return ['fetching', `${model}: ${(bytes / 1e6).toFixed(0)} MB${share} from ${from}, ${seeders} sending`];
}

const states = {
  on_duty: 'on duty',
  paused: 'paused',
  off_schedule: 'off, by schedule',
  draining: 'stopping',
} as const;

export function showState({ state, untilMs }: Pick<WorkerReport, 'state' | 'untilMs'>, nowMs: number): string {
  if (untilMs !== null) return `${states[state]} until ${showTime(untilMs)}, ${showDuration(untilMs - nowMs)} from now`;
  return state === 'paused' ? 'paused until qmesh resume' : states[state];
}

const showTime = (atMs: number): string =>
  new Date(atMs).toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });
