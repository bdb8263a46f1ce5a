/** Describes for people, in one line, how an engine process ended. */
import type { EngineProcessEvents } from './ports.js';

export type EngineExit = Parameters<EngineProcessEvents['exited']>[0];

/**
 * Killed from outside: by the kernel when memory runs out, or by a person. A failure inside llama.cpp ends with a
 * different signal.
 */
export const wasKilled = ({ signal }: EngineExit): boolean => signal === 'SIGKILL' || signal === 'SIGTERM';

const maxReasonChars = 300;
/** A line in which a native abort or Node states the reason. Stack traces and Node's version follow it. */
const saysWhy = /^(?:Uncaught )?\w*Error\b|GGML_ASSERT|terminate called|what\(\):/;

export function describeExit({ code, signal, stderrTail }: EngineExit): string {
  const lines = stderrTail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const how = signal ?? `exit code ${code ?? 'unknown'}`;
  const why = lines.findLast((line) => saysWhy.test(line)) ?? lines.at(-1);
  return why === undefined ? how : `${how}: ${why.slice(0, maxReasonChars)}`;
}
