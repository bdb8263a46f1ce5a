import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allows,
  began,
  circuitRules,
  closedCircuit,
  failed,
  sent,
  succeeded,
  withdrawn,
  type Circuit,
} from '../../../src/rules/circuit.js';

const { failuresToOpen, firstPauseMs, maxPauseMs } = circuitRules;

/** After `failuresToOpen` failures in a row at `nowMs`. */
const opened = (nowMs = 0): Circuit => {
  let circuit = closedCircuit;
  for (let i = 0; i < failuresToOpen; i++) circuit = failed(circuit, `f${i}`, nowMs);
  return circuit;
};

describe('circuit', () => {
  it('opens after three failures in a row, but not if a success came between', () => {
    const two = failed(failed(closedCircuit, 'a', 0), 'b', 0);
    expect(allows(two, 0)).toBe(true);
    expect(allows(failed(two, 'c', 0), firstPauseMs - 1)).toBe(false);
    expect(allows(failed(succeeded(two, 'x'), 'c', 0), 0)).toBe(true);
  });

  it('is half-open after its pause: one probe, and nothing else while that is out', () => {
    expect(allows(opened(), firstPauseMs)).toBe(true);
    const probing = sent(opened(), 'probe', firstPauseMs);
    expect(allows(probing, firstPauseMs)).toBe(false);
    expect(allows(probing, 1e9)).toBe(false);
  });

  it('closes when its probe succeeds, with a clean record', () => {
    const closed = succeeded(sent(opened(), 'probe', firstPauseMs), 'probe');
    expect(closed).toEqual(closedCircuit);
  });

  it('closes when the answer to its probe begins, but not when another one does', () => {
    const probing = sent(opened(), 'probe', firstPauseMs);
    expect(began(probing, 'probe')).toEqual(closedCircuit);
    expect(began(probing, 'older')).toBe(probing);
    const failing = failed(closedCircuit, 'a', 0);
    expect(began(failing, 'b')).toBe(failing); // an answer that only begins proves nothing of how they end
  });

  it('doubles its pause with every probe that fails, up to a minute', () => {
    let circuit = opened();
    let nowMs = 0;
    const pauses = Array.from({ length: 9 }, () => {
      let pauseMs = 0;
      while (!allows(circuit, nowMs + pauseMs)) pauseMs += 500;
      nowMs += pauseMs;
      circuit = failed(sent(circuit, 'probe', nowMs), 'probe', nowMs);
      return pauseMs;
    });
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(maxPauseMs).toBe(60_000);
  });

  it('may be probed again at once if the probe was withdrawn', () => {
    const back = withdrawn(sent(opened(), 'probe', firstPauseMs), 'probe', firstPauseMs + 10);
    expect(allows(back, firstPauseMs + 10)).toBe(true);
    const again = failed(sent(back, 'second', firstPauseMs + 10), 'second', firstPauseMs + 10);
    expect(allows(again, firstPauseMs + 10 + 2 * firstPauseMs - 1)).toBe(false); // the pause still doubles
  });

  it('ignores other requests while its probe is out', () => {
    const probing = sent(opened(), 'probe', firstPauseMs);
    for (const after of [failed(probing, 'old', 2_000), succeeded(probing, 'old'), withdrawn(probing, 'old', 2_000)])
      expect(after).toEqual(probing);
  });

  // Any course of time, of requests sent where the circuit allows it, and of ends in any order.
  const step = fc.oneof(
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(5_000) }),
    fc.record({ do: fc.constant('send' as const) }),
    fc.record({ do: fc.constantFrom('succeed' as const, 'fail' as const, 'withdraw' as const), which: fc.nat(50) }),
  );

  it('never has two probes out, and never stays open longer than its longest pause', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let circuit = closedCircuit;
        let nowMs = 0;
        let count = 0;
        const out: { id: string; isProbe: boolean }[] = [];
        for (const each of steps) {
          if (each.do === 'wait') nowMs += each.ms;
          else if (each.do === 'send') {
            if (!allows(circuit, nowMs)) continue;
            const id = `r${count++}`;
            const isProbe = circuit.state !== 'closed';
            circuit = sent(circuit, id, nowMs);
            out.push({ id, isProbe });
          } else {
            const [ended] = out.splice(each.which % Math.max(1, out.length), 1);
            if (ended === undefined) continue;
            if (each.do === 'succeed') circuit = succeeded(circuit, ended.id);
            else if (each.do === 'fail') circuit = failed(circuit, ended.id, nowMs);
            else circuit = withdrawn(circuit, ended.id, nowMs);
          }
          const probes = out.filter(({ isProbe }) => isProbe).length;
          expect(probes).toBeLessThanOrEqual(1);
          if (probes === 1) expect(allows(circuit, nowMs)).toBe(false);
          else expect(allows(circuit, nowMs + maxPauseMs)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
