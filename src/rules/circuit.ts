/**
 * A circuit breaker for one worker, as a client keeps it: after 3 failures in a row nothing is sent there for 1 s, then one
 * request as a probe. A probe that fails doubles the pause, up to 60 s; one that succeeds ends the matter.
 *
 *     closed ── 3 failures in a row ──▶ open ── the pause is over ──▶ half-open ── a request is sent ──▶ probing
 *       ▲                                ▲                               ▲                               │ │ │
 *       └────────── success ─────────────┼───────────────────────────────┼───────────────────────────────┘ │ │
 *                                        └───────── failure: twice the pause ──────────────────────────────┘ │
 *                                                                        └── ended neither way (cancelled) ──┘
 *
 * Half-open is `open` with its pause over: no timer is needed to get there.
 *
 * Invariants: while a probe is out nothing else is sent; a probe always ends in one of the three ways above (it succeeds as soon as an answer
 * begins), so no circuit stays open for ever; while it is out only its own end counts, whatever older requests still bring.
 */

export type Circuit =
  | { readonly state: 'closed'; readonly failures: number }
  | { readonly state: 'open'; readonly untilMs: number; readonly pauseMs: number }
  | { readonly state: 'probing'; readonly probe: string; readonly pauseMs: number };

export const circuitRules = { failuresToOpen: 3, firstPauseMs: 1_000, maxPauseMs: 60_000 } as const;

/** No failures. Assumed for a worker that has no circuit yet. */
export const closedCircuit: Circuit = { state: 'closed', failures: 0 };

/** Whether a request may be sent now. */
export const allows = (circuit: Circuit, nowMs: number): boolean =>
  circuit.state === 'closed' || (circuit.state === 'open' && nowMs >= circuit.untilMs);

/**
 * After sending a request that `allows` permitted. (A pinned request may go without permission; it is no probe then.)
 */
export function sent(circuit: Circuit, request: string, nowMs: number): Circuit {
  if (circuit.state !== 'open' || nowMs < circuit.untilMs) return circuit;
  return { state: 'probing', probe: request, pauseMs: circuit.pauseMs };
}

/** After a request was answered, including errors that are not the worker's fault. */
export function succeeded(circuit: Circuit, request: string): Circuit {
  if (circuit.state === 'closed') return closedCircuit;
  return isProbe(circuit, request) ? closedCircuit : circuit;
}

/** When the first text of an answer arrives: a probe has proved its point by then, however long the rest takes. */
export const began = (circuit: Circuit, request: string): Circuit =>
  isProbe(circuit, request) ? closedCircuit : circuit;

/** After a request was lost with its worker, or failed through its fault. */
export function failed(circuit: Circuit, request: string, nowMs: number): Circuit {
  if (circuit.state === 'closed') {
    const failures = circuit.failures + 1;
    return failures < circuitRules.failuresToOpen
      ? { state: 'closed', failures }
      : open(circuitRules.firstPauseMs, nowMs);
  }
  if (!isProbe(circuit, request)) return circuit;
  return open(Math.min(circuitRules.maxPauseMs, 2 * circuit.pauseMs), nowMs);
}

/** After a request was withdrawn before it told anything: another one may be the probe, at once. */
export function withdrawn(circuit: Circuit, request: string, nowMs: number): Circuit {
  return isProbe(circuit, request) ? { state: 'open', untilMs: nowMs, pauseMs: circuit.pauseMs } : circuit;
}

const open = (pauseMs: number, nowMs: number): Circuit => ({ state: 'open', untilMs: nowMs + pauseMs, pauseMs });

const isProbe = (circuit: Circuit, request: string): circuit is Extract<Circuit, { state: 'probing' }> =>
  circuit.state === 'probing' && circuit.probe === request;
