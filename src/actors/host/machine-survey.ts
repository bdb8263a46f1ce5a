/**
 * A thread pool task: what systeminformation knows about this machine that Node does not. In a thread, since on some
 * systems it waits for programs that it starts; and only from time to time, since each of those costs more than
 * everything else in an idle worker (machine-load.ts).
 */
import { freemem } from 'node:os';
import { battery, graphics, mem } from 'systeminformation';
import type { Battery } from '../../rules/health.js';

export interface SurveyTask {
  /** Also looks at graphics cards, the most expensive part. */
  readonly graphics: boolean;
}

export interface Survey {
  /** Memory available to programs beyond what Node's `freemem` reports. */
  readonly reclaimableBytes: number;
  readonly swapUsedBytes: number;
  readonly battery: Battery | undefined;
  /** Of the graphics card with the least to spare; undefined if none reports it. */
  readonly graphics: GraphicsUse | undefined;
}

/** In percent, 0 to 100. */
export interface GraphicsUse {
  readonly use: number;
  readonly memory: number;
}

export default async function survey(task: SurveyTask): Promise<Survey> {
  const freeBytes = freemem();
  const memory = await mem();
  const power = await battery();
  const cards = task.graphics ? (await graphics()).controllers : [];
  return {
    reclaimableBytes: Math.max(0, memory.available - freeBytes),
    swapUsedBytes: memory.swapused,
    battery: power.hasBattery
      ? { percent: power.percent, isDischarging: !power.isCharging && !power.acConnected }
      : undefined,
    graphics: graphicsUse(cards),
  };
}

interface Card {
  readonly memoryTotal?: number | null;
  readonly memoryUsed?: number | null;
  readonly utilizationGpu?: number | null;
}

export function graphicsUse(cards: readonly Card[]): GraphicsUse | undefined {
  const used = cards.flatMap(({ memoryTotal, memoryUsed, utilizationGpu }) =>
    memoryTotal && typeof memoryUsed === 'number'
      ? [{ memory: (100 * memoryUsed) / memoryTotal, use: utilizationGpu ?? 0 }]
      : [],
  );
  if (used.length === 0) return undefined;
  return { use: Math.max(...used.map(({ use }) => use)), memory: Math.max(...used.map(({ memory }) => memory)) };
}
