/**
 * The task of a pool thread: what systeminformation knows of this machine that Node does not. In a thread, since on some
 * systems it waits for programs that it starts; now and then only, since each of those costs more than all the rest of a
 * worker at rest (machine-load.ts).
 */
import { freemem } from 'node:os';
import { battery, graphics, mem } from 'systeminformation';
import type { Battery } from '../../rules/health.js';

export interface SurveyTask {
  /** Looks at graphics cards too, the most costly of all. */
  readonly graphics: boolean;
}

export interface Survey {
  /** What programs could have beyond what Node's `freemem` says is free. */
  readonly reclaimableBytes: number;
  readonly swapUsedBytes: number;
  readonly battery: Battery | undefined;
  /** Of the graphics card that has the least to spare; undefined where none says. */
  readonly graphics: GraphicsUse | undefined;
}

/** Shares of 0..100. */
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
