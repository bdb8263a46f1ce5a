import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outboxes } from '../../../../src/actors/worker/outboxes.js';
import { inferenceError } from '../../../../src/protocol/errors.js';
import { limits } from '../../../../src/protocol/limits.js';
import type { InferenceResultMessage, InferenceTokenMessage } from '../../../../src/protocol/messages.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { FakeConnection } from '../fake-connection.js';

const result = (id: string, text = ''): InferenceResultMessage => ({
  v: 2,
  type: 'inference_result',
  id,
  text,
  model: { name: 'm', sha256: '0'.repeat(64) },
  usage: { promptTokens: 0, completionTokens: 0 },
  timing: { queuedMs: 0, firstTokenMs: null, totalMs: 0 },
  finishReason: 'stop',
});
const token = (id: string, text = 'x'): InferenceTokenMessage => ({
  v: 2,
  type: 'inference_token',
  id,
  index: 0,
  text,
  tokens: 1,
});

/** In the queue, the first. */
const first = { position: 1, length: 1, tier: 'guest', estimatedWaitMs: 0 };

function office(peers = ['p0']) {
  const clock = new VirtualClock();
  const outboxes = new Outboxes(clock);
  const connections = new Map(peers.map((peer) => [peer, new FakeConnection(peer)]));
  for (const [peer, connection] of connections) {
    outboxes.connect(peer, connection);
    connection.onDestroy = () => outboxes.disconnect(peer); // as the peer's actor does, at once
  }
  return { clock, outboxes, connections, connection: connections.get(peers[0]!)! };
}

describe('outboxes', () => {
  it('end every request that was opened exactly once, under any sequence of calls', () => {
    const ids = ['a', 'b', 'c'];
    const peers = ['p0', 'p1'];
    const call = fc.record({
      what: fc.constantFrom('open', 'end', 'error', 'release', 'position', 'token', 'abandon', 'wait', 'lose'),
      peer: fc.constantFrom(...peers),
      id: fc.constantFrom(...ids),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const { clock, outboxes, connections } = office(peers);
        const open = new Set<string>();
        const owed = new Map<string, number>();
        const settle = (key: string): void => {
          if (open.delete(key)) owed.set(key, (owed.get(key) ?? 0) + 1);
        };
        for (const { what, peer, id } of calls) {
          const key = `${peer}/${id}`;
          const connection = connections.get(peer)!;
          if (what === 'open' && !connection.isDestroyed) open.add(key);
          if (what === 'end' || what === 'error') settle(key);
          if (what === 'release') open.delete(key);
          if (what === 'abandon') [...open].forEach(settle);
          if (what === 'lose') ids.forEach((each) => open.delete(`${peer}/${each}`));
          if (what === 'open') outboxes.open(peer, id);
          else if (what === 'end') outboxes.end(peer, result(id));
          else if (what === 'error') outboxes.end(peer, inferenceError({ id, code: 'internal', message: '' }));
          else if (what === 'release') outboxes.release(peer, id);
          else if (what === 'position') outboxes.tellPosition(peer, { id, ...first });
          else if (what === 'token') outboxes.send(peer, token(id));
          else if (what === 'abandon') outboxes.abandonAll('internal', 'gone');
          else if (what === 'lose') connection.destroy();
          else clock.advance(1_000);
        }
        for (const [peer, connection] of connections)
          for (const id of ids) expect(connection.endsOf(id)).toHaveLength(owed.get(`${peer}/${id}`) ?? 0);
      }),
      { numRuns: 500 },
    );
  });

  it(`let no more than ${limits.keepaliveMs} ms pass in silence while a request is open, and arm no timer otherwise`, () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 400 }), speaks: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { clock, outboxes, connection } = office();
        const times: number[] = [0];
        connection.onWrite = () => times.push(clock.monotonicMs());
        outboxes.open('p0', 'a');
        for (const { waitMs, speaks } of steps) {
          clock.advance(waitMs);
          if (speaks) outboxes.send('p0', token('a'));
        }
        times.push(clock.monotonicMs());
        const gaps = times.map((at, i) => at - (times[i - 1] ?? at));
        expect(Math.max(...gaps)).toBeLessThanOrEqual(limits.keepaliveMs);
        outboxes.end('p0', result('a'));
        const written = connection.written.length;
        clock.advance(10_000);
        expect(connection.written).toHaveLength(written);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('know which connection is the newer one; any is newer than one that is gone', () => {
    const { outboxes } = office(['old', 'new']);
    expect([outboxes.isNewer('new', 'old'), outboxes.isNewer('old', 'new'), outboxes.isNewer('old', 'old')]).toEqual([
      true,
      false,
      false,
    ]);
    outboxes.disconnect('new');
    expect(outboxes.isNewer('old', 'new')).toBe(true);
  });

  it('repeat the last position of a request where there is nothing else to say', () => {
    const { clock, outboxes, connection } = office();
    outboxes.open('p0', 'a');
    outboxes.tellPosition('p0', { id: 'a', position: 3, length: 7, tier: 'gold', estimatedWaitMs: 1_200 });
    clock.advance(1_000);
    expect(connection.written.length).toBeGreaterThanOrEqual(4);
    for (const message of connection.written)
      expect(message).toMatchObject({
        type: 'queue_status',
        id: 'a',
        position: 3,
        length: 7,
        tier: 'gold',
        estimatedWaitMs: 1_200,
      });
  });

  it('write a position at once where it is new and the last is long enough ago, and an estimate then where it is well off', () => {
    const { clock, outboxes, connection } = office();
    const tell = (position: number, estimatedWaitMs: number): number => {
      outboxes.tellPosition('p0', { id: 'a', position, length: 3, tier: 'guest', estimatedWaitMs });
      return connection.written.splice(0).length;
    };
    const wait = (ms: number): void => {
      clock.advance(ms);
      connection.written.splice(0); // repeated meanwhile
    };
    outboxes.open('p0', 'a');
    expect([tell(2, 8_000), tell(2, 8_000), tell(1, 5_000)]).toEqual([1, 0, 0]);
    wait(400);
    expect([tell(1, 5_000), tell(1, 20_000)]).toEqual([1, 0]);
    wait(2_000);
    expect([tell(1, 3_100), tell(1, 9_000), tell(1, 20_000)]).toEqual([0, 1, 0]); // as told: 2 s less by now
    expect([tell(2, 9_000), tell(0, 900), tell(0, 800)]).toEqual([0, 1, 0]); // a slot is told at once
  });

  it('repeat the place that was told last, not one that came too soon to be told', () => {
    const { clock, outboxes, connection } = office();
    outboxes.open('p0', 'a');
    for (const position of [2, 1]) outboxes.tellPosition('p0', { ...first, id: 'a', position });
    clock.advance(limits.keepaliveMs);
    expect(connection.written.map((said) => 'position' in said && said.position)).toEqual([2, 2]);
  });

  it('tell news of one request at most four times a second', () => {
    const step = fc.record({ waitMs: fc.nat(120), position: fc.nat(3), estimatedWaitMs: fc.nat(9_999) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.array(step, { maxLength: 60, size: 'max' }),
        (inLine, inSlot) => {
          const { clock, outboxes, connection } = office();
          const atMs: number[] = [];
          outboxes.open('p0', 'a');
          const tell = (position: number, { waitMs, estimatedWaitMs }: (typeof inLine)[number]): void => {
            const before = connection.written.length;
            outboxes.tellPosition('p0', { ...first, id: 'a', position, estimatedWaitMs });
            if (connection.written.length > before) atMs.push(clock.monotonicMs());
            clock.advance(waitMs);
          };
          for (const each of inLine) tell(1 + each.position, each);
          for (const each of inSlot) tell(0, each);
          for (const from of atMs)
            expect(atMs.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(4);
        },
      ),
    );
  });

  it('while a prompt is read, say each new estimate, since it shows that something happens', () => {
    const { clock, outboxes, connection } = office();
    outboxes.open('p0', 'a');
    const written = [4_000, 3_750, 3_500, 3_500].map((estimatedWaitMs) => {
      connection.written.splice(0);
      outboxes.tellPosition('p0', { id: 'a', position: 0, length: 0, tier: 'guest', estimatedWaitMs });
      const { length } = connection.written;
      clock.advance(2 * limits.queueStatusMinGapMs);
      return length;
    });
    expect(written).toEqual([1, 1, 1, 0]);
  });

  it('say nothing of a request that is not open', () => {
    const { outboxes, connection } = office();
    outboxes.tellPosition('p0', { id: 'a', ...first });
    outboxes.end('p0', result('a'));
    for (const call of [() => outboxes.send('nobody', token('a')), () => outboxes.open('nobody', 'a')]) call();
    expect(connection.written).toEqual([]);
  });

  it('close a peer that does not read, and leave nothing behind that ticks', () => {
    const { clock, outboxes, connection } = office();
    outboxes.open('p0', 'a');
    connection.unsentBytes = limits.maxUnsentBytes;
    clock.advance(1_000);
    expect(connection.isDestroyed).toBe(false); // at the limit, not above it
    connection.unsentBytes++;
    clock.advance(1_000);
    expect(connection.isDestroyed).toBe(true);
    expect(outboxes.size).toBe(0);
    expect(clock.pending).toBe(0);
    outboxes.end('p0', result('a')); // of a request whose peer is gone: no effect
  });

  it('closing one peer in a broadcast does not keep the others from hearing it', () => {
    const { outboxes, connections } = office(['p0', 'p1', 'p2']);
    connections.get('p1')!.unsentBytes = limits.maxUnsentBytes + 1;
    outboxes.broadcast(token('a'));
    expect([...connections.values()].map(({ written }) => written.length)).toEqual([1, 1, 1]);
    expect(outboxes.size).toBe(2);
  });

  it('end a request in an error where what it says is longer than a frame', () => {
    const long = 'ä'.repeat(limits.maxFrameBytes / 2);
    for (const say of [
      (outboxes: Outboxes) => outboxes.end('p0', result('a', long)),
      (outboxes: Outboxes) => outboxes.send('p0', token('a', long)),
    ]) {
      const { outboxes, connection } = office();
      outboxes.open('p0', 'a');
      say(outboxes);
      outboxes.end('p0', result('a'));
      expect(connection.written).toMatchObject([{ type: 'inference_error', id: 'a', code: 'internal' }]);
    }
    const { outboxes, connection } = office();
    outboxes.send('p0', result('stored', long)); // a result asked for again, that nobody waits for
    expect(connection.endsOf('stored')).toMatchObject([{ code: 'internal' }]);
  });

  it('abandon everything that is open, on every connection', () => {
    const { outboxes, connections } = office(['p0', 'p1']);
    for (const peer of connections.keys()) for (const id of ['a', 'b']) outboxes.open(peer, id);
    outboxes.abandonAll('internal', 'lost inside');
    outboxes.abandonAll('internal', 'lost inside');
    for (const connection of connections.values())
      for (const id of ['a', 'b']) expect(connection.endsOf(id)).toMatchObject([{ message: 'lost inside' }]);
  });
});

describe('where all places are taken', () => {
  it('who has long been owed nothing makes room, and neither the owner nor who waits for something', () => {
    const { clock, outboxes, connections } = office(['owner', 'waits', 'waited', 'idle', 'new']);
    const isOpen = (): string[] => [...connections].filter(([, { isDestroyed }]) => !isDestroyed).map(([peer]) => peer);
    outboxes.keep('owner');
    outboxes.open('waits', 'r1');
    outboxes.open('waited', 'r2');
    clock.advance(20_000);
    outboxes.end('waited', result('r2'));
    outboxes.makeRoom();
    expect(isOpen()).toEqual(['owner', 'waits', 'waited', 'new']);
    outboxes.makeRoom();
    expect(isOpen()).toEqual(['owner', 'waits', 'waited']);
    outboxes.makeRoom();
    expect(isOpen()).toEqual(['owner', 'waits', 'waited']);
    clock.advance(20_000);
    outboxes.makeRoom();
    expect(isOpen()).toEqual(['owner', 'waits']);
    expect(outboxes.size).toBe(2);
  });
});
