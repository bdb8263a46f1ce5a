/** `qmesh top` as text. Pure: what it shows follows from the snapshots it is given. */
import type { WorkerReport } from '../../actors/control/messages.js';
import { workerName } from '../ask-notes.js';
import { showDuration } from '../owner/duration.js';
import { showState } from '../owner/show.js';
import type { Paint } from '../paint.js';
import { printable } from '../printable.js';
import { table } from '../table.js';
import type { MeshWorker, TopSnapshot } from './snapshot.js';

const barChars = 20;
const sparkBars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

export interface TopPage {
  readonly snapshot: TopSnapshot;
  /** Tokens a second of the worker here, the latest last. */
  readonly speeds: readonly number[];
  readonly paint: Paint;
}

export function topPage({ snapshot, speeds, paint }: TopPage): string {
  const { at, here, mesh } = snapshot;
  const time = new Date(at).toTimeString().slice(0, 8);
  const count = mesh.length === 1 ? '1 worker' : `${mesh.length} workers`;
  return [
    `${paint.bold('QMesh')}  ${time}  ${count} in sight`,
    '',
    ...(here === null
      ? [paint.dim('No worker runs on this home. Start one with: qmesh worker')]
      : ours(here, at, speeds, paint)),
    '',
    ...(mesh.length === 0 ? [paint.dim('No worker is in sight on this mesh.')] : [meshTable(mesh)]),
  ].join('\n');
}

/** As much of a page as a screen shows: its first lines, and of each what fits, in their colours. */
export const fittedTo = (
  { columns, rows }: { readonly columns: number; readonly rows: number },
  page: string,
): string =>
  page
    .split('\n')
    .slice(0, Math.max(1, rows))
    .map((line) => {
      let room = columns;
      return line.replace(styleOrChar, (all, style?: string) => (style !== undefined || room-- > 0 ? all : ''));
    })
    .join('\n');
const styleOrChar = /(\p{Cc}\[[\d;]*m)|./gu;

function ours(report: WorkerReport, at: number, speeds: readonly number[], paint: Paint): string[] {
  const { workerId, health, slots, queue, waiting, performance, models, peers, uptimeMs, agent, pid } = report;
  const tone = health.score >= 60 ? paint.good : health.score >= 30 ? paint.warn : paint.bad;
  const inLine = Object.entries(waiting).map(([tier, n]) => `${n} ${tier}`);
  const speed = performance.tokensPerSecond === null ? '–' : `${performance.tokensPerSecond} tokens/s`;
  const response =
    performance.avgResponseMs === null ? '' : `  ${(performance.avgResponseMs / 1_000).toFixed(1)} s a response`;
  const rows: readonly (readonly [string, string])[] = [
    ['state', `${showState(report, at)}, up ${showDuration(uptimeMs)}`],
    ['health', `${bar(health.score / 100, tone)} ${health.score}, ${health.state}, takes ${health.capacity} %`],
    ['slots', `${bar(slots.busy / Math.max(1, slots.total), paint.good)} ${slots.busy} of ${slots.total} busy`],
    [
      'queue',
      `${bar(queue.length / Math.max(1, queue.capacity), paint.warn)} ${[`${queue.length} of ${queue.capacity}`, ...inLine].join(', ')}`,
    ],
    ['speed', `${sparkline(speeds).padEnd(barChars)} ${speed}${response}`],
    ['clients', `${peers} connected`],
    [
      'models',
      models
        .map(({ name, contextSize }) => `${printable(name)} (${contextSize.toLocaleString('en')} tokens)`)
        .join(', ') || 'none is loaded',
    ],
  ];
  return [
    `${paint.bold('This machine')}  ${workerName(workerId)}  ${paint.dim(`${agent}, pid ${pid}`)}`,
    ...rows.map(([name, value]) => `  ${paint.dim(name.padEnd(8))} ${value}`),
  ];
}

const bar = (share: number, tone: (text: string) => string): string => {
  const full = Math.min(barChars, Math.max(0, Math.round(share * barChars)));
  return `${tone('█'.repeat(full))}${'░'.repeat(barChars - full)}`;
};

/** Of the latest values, against their highest. */
export function sparkline(values: readonly number[]): string {
  const latest = values.slice(-barChars);
  const highest = Math.max(...latest, 0);
  if (highest === 0) return '';
  return latest.map((value) => sparkBars[Math.min(7, Math.floor((value / highest) * 8))] ?? '').join('');
}

function meshTable(mesh: readonly MeshWorker[]): string {
  const rows = mesh.map(({ worker, isHere, isFresh, models, health, slots, queue, performance, uptimeMs }) => [
    `${worker.slice(0, 8)}${isHere ? ' (here)' : ''}`,
    isFresh ? health.state : 'silent',
    `${health.score}`,
    `${slots.busy}/${slots.total}`,
    `${queue.length}/${queue.capacity}`,
    `${performance.tokensPerSecond ?? '–'}`,
    showDuration(uptimeMs),
    models.join(', '),
  ]);
  const head = ['WORKER', 'STATE', 'SCORE', 'SLOTS', 'QUEUE', 'TOKENS/S', 'UP', 'MODELS'];
  return table(head, rows, { right: [2, 3, 4, 5] });
}
