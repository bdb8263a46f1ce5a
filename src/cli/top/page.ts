/** The page of `qmesh top` as text. Pure: it depends only on the given snapshots. */
import type { WorkerReport } from '../../actors/control/messages.js';
import { workerName } from '../ask-notes.js';
import stringWidth from 'string-width';
import { showDuration } from '../owner/duration.js';
import { showState } from '../owner/show.js';
import type { Paint } from '../paint.js';
import { printable } from '../printable.js';
import { table } from '../table.js';
import type { MeshWorker, TopSnapshot } from './snapshot.js';

/** The length of bars, and below how many columns they are shorter. */
const bars = { wide: 20, narrow: 8, wideColumns: 64 } as const;
const sparkBars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

export interface TopPage {
  readonly snapshot: TopSnapshot;
  /** Tokens per second of this home's worker, latest last. */
  readonly speeds: readonly number[];
  readonly paint: Paint;
  /** Of the terminal. */
  readonly columns: number;
}

export function topPage(shown: TopPage): string {
  const { snapshot, paint } = shown;
  const { at, here, mesh } = snapshot;
  const time = new Date(at).toTimeString().slice(0, 8);
  const count = mesh.length === 1 ? '1 worker' : `${mesh.length} workers`;
  return [
    `${paint.bold('QMesh')}  ${time}  ${count} in sight`,
    '',
    ...(here === null ? [paint.dim('No worker runs on this home. Start one with: qmesh worker')] : ours(here, shown)),
    '',
    ...(mesh.length === 0 ? [paint.dim('No worker is in sight on this mesh.')] : [meshTable(mesh)]),
  ].join('\n');
}

/** Cuts a page to the screen: its first lines, each cut to the width, colours kept. */
export const fittedTo = (
  { columns, rows }: { readonly columns: number; readonly rows: number },
  page: string,
): string =>
  page
    .split('\n')
    .slice(0, Math.max(1, rows))
    .map((line) => {
      let room = columns;
      return line.replace(styleOrChar, (all, style?: string) => {
        if (style !== undefined) return all;
        room -= stringWidth(all);
        return room >= 0 ? all : '';
      });
    })
    .join('\n');
const styleOrChar = /(\p{Cc}\[[\d;]*m)|./gu;

function ours(report: WorkerReport, { snapshot: { at }, speeds, paint, columns }: TopPage): string[] {
  const { workerId, health, slots, queue, waiting, performance, models, peers, uptimeMs, agent, pid } = report;
  const barChars = columns < bars.wideColumns ? bars.narrow : bars.wide;
  const bar = (share: number, paintBar: (text: string) => string): string => drawBar(share, barChars, paintBar);
  const tone = health.score >= 60 ? paint.good : health.score >= 30 ? paint.warn : paint.bad;
  const inLine = Object.entries(waiting).map(([tier, n]) => `${n} ${tier}`);
  const speed = performance.tokensPerSecond === null ? '–' : `${performance.tokensPerSecond} tokens/s`;
  const response =
    performance.avgResponseMs === null ? '' : `  ${(performance.avgResponseMs / 1_000).toFixed(1)} s a response`;
  const rows: readonly (readonly [string, string])[] = [
    ['state', `${showState(report, at)}, up ${showDuration(uptimeMs)}`],
    ['health', `${bar(health.score / 100, tone)} ${health.score}, ${health.state}, lends ${health.capacity} %`],
    ['slots', `${bar(slots.busy / Math.max(1, slots.total), paint.good)} ${slots.busy} of ${slots.total} busy`],
    [
      'queue',
      `${bar(queue.length / Math.max(1, queue.capacity), paint.warn)} ${[`${queue.length} of ${queue.capacity}`, ...inLine].join(', ')}`,
    ],
    ['speed', `${sparkline(speeds, barChars).padEnd(barChars)} ${speed}${response}`],
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

const drawBar = (share: number, chars: number, tone: (text: string) => string): string => {
  const full = Math.min(chars, Math.max(0, Math.round(share * chars)));
  return `${tone('█'.repeat(full))}${'░'.repeat(chars - full)}`;
};

/** The latest values, scaled to their highest. */
export function sparkline(values: readonly number[], chars: number): string {
  const latest = values.slice(-chars);
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
