/**
 * Two ways to observe a tree from its start through XState's inspector: readable lines (`QMESH_INSPECT=1`), and one
 * hash over everything that happened, for comparing two runs of a simulation. Neither ever throws, since XState would
 * pass the error to the sender of the event. Without an inspector none of this costs anything.
 */
import { createHash } from 'node:crypto';
import type { AnyActorRef, AnyEventObject, InspectionEvent } from 'xstate';
import { parentOf, statusOf } from './actor-system.js';
import type { Clock } from './clock.js';

export type Inspector = (event: InspectionEvent) => void;

/** Names and states are truncated to this length. */
const maxTextLength = 60;

/** Lines held back until the states they lead to are known. */
const maxHeldLines = 1_000;

interface Line {
  readonly text: string;
  readonly ref: AnyActorRef;
  readonly event: AnyEventObject;
  /** The states before and after, once known. */
  step: string | undefined;
}

/**
 * Writes one line for each event that an actor receives, in the order of sending, with the states before and after:
 * `12.345 scheduler ← peer.3 prompt.received   [serving → serving]`.
 *
 * XState reports a snapshot after everything it caused, so lines are held until the end of the event loop's turn.
 */
export function lineInspector(write: (line: string) => void, clock: Clock): Inspector {
  const states = new WeakMap<AnyActorRef, string>();
  const stepOf = (ref: AnyActorRef): string => {
    const before = states.get(ref) ?? '·';
    states.set(ref, stateOf(ref));
    return `${before} → ${stateOf(ref)}`;
  };
  let held: Line[] = [];
  const flush = (): void => {
    const lines = held;
    held = [];
    for (const { text, ref, step } of lines) write(`${text}   [${step ?? stepOf(ref)}]`);
  };
  return ({ type, ...seen }) => {
    const ref = seen.actorRef as AnyActorRef;
    if (type === '@xstate.event') {
      const { event, sourceRef } = seen as { event: AnyEventObject; sourceRef?: AnyActorRef };
      if (held.length === 0) queueMicrotask(flush);
      if (held.length >= maxHeldLines) flush();
      const at = (clock.monotonicMs() / 1_000).toFixed(3);
      const text = `${at} ${nameOf(ref)} ← ${sourceRef ? nameOf(sourceRef) : '·'} ${cut(typeOf(event))}`;
      held.push({ text, ref, event, step: undefined });
    } else if (type === '@xstate.snapshot') {
      const { event } = seen as { event: AnyEventObject };
      const line = held.find((other) => other.ref === ref && other.event === event && other.step === undefined);
      const step = stepOf(ref);
      if (line) line.step = step;
    }
  };
}

export interface TraceHash {
  readonly inspect: Inspector;
  /** SHA-256, in hex, over everything so far. */
  digest(): string;
}

/** Hashes the times, senders, receivers, event types and states of a run. Equal seeds give equal hashes. */
export function traceHash(clock: Clock): TraceHash {
  const hash = createHash('sha256');
  return {
    inspect(seen) {
      const ref = seen.actorRef as AnyActorRef;
      if (seen.type === '@xstate.event') {
        const from = seen.sourceRef ? nameOf(seen.sourceRef as AnyActorRef) : '';
        hash.update(`${clock.monotonicMs()} ${from} > ${nameOf(ref)} ${typeOf(seen.event)}\n`);
      } else if (seen.type === '@xstate.snapshot') {
        hash.update(`${clock.monotonicMs()} ${nameOf(ref)} = ${stateOf(ref)}\n`);
      }
    },
    digest: () => hash.copy().digest('hex'),
  };
}

/** XState numbers actors process-wide; a trace must not depend on what ran before. */
const withoutSessionIds = (text: string): string => text.replace(/\bx:\d+/g, 'x');

const typeOf = (event: AnyEventObject): string => withoutSessionIds(event.type);

/** The system id, or else the path from the nearest ancestor that has one. */
export function nameOf(ref: AnyActorRef): string {
  const parent = parentOf(ref);
  const { systemId } = ref as { systemId?: string };
  return systemId ?? (parent ? `${nameOf(parent)}/` : '') + cut(withoutSessionIds(ref.id));
}

/** `serving`, `on.busy`, `{a: on, b: off}`; the status if the actor has no states or is over. */
export function stateOf(ref: AnyActorRef): string {
  const { value } = (ref.getSnapshot() ?? {}) as { value?: unknown };
  const status = statusOf(ref) ?? 'error';
  return status === 'active' && value !== undefined ? cut(stateText(value)) : status;
}

function stateText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const regions = Object.entries(value).map(([name, inner]) => [name, stateText(inner)] as const);
  const [only] = regions;
  if (only && regions.length === 1) return only[1] === '{}' ? only[0] : `${only[0]}.${only[1]}`;
  return `{${regions.map(([name, inner]) => (inner === '{}' ? name : `${name}: ${inner}`)).join(', ')}}`;
}

const cut = (text: string): string => (text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text);
