/** What a peer sends faster than it is read: waits in order, costs a frame's bytes at most, and then its connection. */
import { expect, it } from 'vitest';
import { listenToFrames } from '../../../../src/actors/network/framed-connection.js';
import type { ConnectionEvents } from '../../../../src/actors/ports.js';
import { decodeMessage } from '../../../../src/protocol/decode.js';
import { encodeFrame } from '../../../../src/protocol/frame.js';
import { limits } from '../../../../src/protocol/limits.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { FakeConnection } from '../fake-connection.js';

class Talker extends FakeConnection {
  say: (bytes: Uint8Array) => void = () => {};
  override listen(on: ConnectionEvents): void {
    this.say = (bytes) => on.data(bytes);
    this.onDestroy = () => on.closed();
  }
}

const cancel = (n: number) => encodeFrame({ v: 2, type: 'cancel', id: `r${n}` });
const cancels = (count: number) => Buffer.concat(Array.from({ length: count }, (_, n) => cancel(n)));
const ids = (count: number) => Array.from({ length: count }, (_, n) => `r${n}`);

/** The bytes of these frames count a little, too. */
const nearly = 0.98;

function listen(isPaced: () => boolean) {
  const clock = new VirtualClock();
  const connection = new Talker();
  const heard: string[] = [];
  const ends: string[] = [];
  const stop = listenToFrames(connection, clock, {
    decode: decodeMessage,
    frame: (outcome) => heard.push(outcome.kind === 'message' && 'id' in outcome.message ? outcome.message.id : '?'),
    refused: (reason) => ends.push(reason),
    flooded: () => ends.push('flooded'),
    closed: () => ends.push('closed'),
    isPaced,
  });
  return { clock, connection, heard, ends, stop };
}

it('reads some at once and the rest at its pace, all of it, in order, however it is cut', () => {
  for (const pieceBytes of [1_000_000, 4_096, 50]) {
    const { clock, connection, heard, ends } = listen(() => true);
    const bytes = cancels(4_000);
    for (let at = 0; at < bytes.length; at += pieceBytes) connection.say(bytes.subarray(at, at + pieceBytes));
    expect(heard.length).toBeLessThanOrEqual(limits.maxFramesAtOnce);
    expect(heard.length).toBeGreaterThan(nearly * limits.maxFramesAtOnce);
    clock.advance(2_000);
    const more = limits.maxFramesAtOnce + 2 * limits.maxFramesPerSecond;
    expect(heard.length).toBeLessThanOrEqual(more);
    expect(heard.length).toBeGreaterThan(nearly * more);
    clock.advance(60_000); // no frame is held open by waiting for its turn
    expect(heard).toEqual(ids(4_000));
    expect(ends).toEqual([]);
    expect(clock.pending).toBe(0);
  }
});

it('reads everything at once of whom nothing holds back', () => {
  const { connection, heard, clock } = listen(() => false);
  connection.say(cancels(1_000));
  expect(heard).toEqual(ids(1_000));
  expect(clock.pending).toBe(0);
});

it('reads thousands at once that are owed no answer: a client that is newer, or talks too much, waits no longer for it', () => {
  const { connection, heard } = listen(() => true);
  const later = encodeFrame({ v: 3, type: 'later' });
  connection.say(Buffer.concat([...Array<Uint8Array>(4_000).fill(later), cancel(1)]));
  expect(heard.at(-1)).toBe('r1');
  connection.say(Buffer.concat([...Array<Uint8Array>(10_000).fill(later), cancel(2)]));
  expect(heard.at(-1)).not.toBe('r2'); // and yet not without end
});

it('closes who sends more than may wait, in large pieces or in single bytes, and reads nothing more of it', () => {
  for (const pieceBytes of [65_536, 1]) {
    const { clock, connection, heard, ends } = listen(() => true);
    const bytes = cancels(60_000);
    let at = 0;
    for (; at < bytes.length && !connection.isDestroyed; at += pieceBytes)
      connection.say(bytes.subarray(at, at + pieceBytes));
    expect(at).toBeLessThan(limits.maxFrameBytes + 2 * 65_536);
    expect(ends).toEqual(['flooded', 'closed']);
    clock.advance(60_000);
    expect(heard.length).toBeLessThanOrEqual(limits.maxFramesAtOnce);
    expect(clock.pending).toBe(0);
  }
});

it('still closes who holds a frame open, once it stands at that frame', () => {
  const { clock, connection, heard, ends } = listen(() => true);
  connection.say(Buffer.concat([cancels(limits.maxFramesAtOnce + 64), cancel(1).subarray(0, 5)]));
  clock.advance(limits.incompleteFrameMs);
  expect(heard).toHaveLength(limits.maxFramesAtOnce + 64);
  expect(ends).toEqual([]);
  clock.advance(2_000);
  expect(ends).toEqual(['incomplete', 'closed']);
});

it('keeps nothing and waits for nothing once it is stopped', () => {
  const { clock, connection, heard, stop } = listen(() => true);
  connection.say(cancels(1_000));
  stop();
  clock.advance(60_000);
  expect(heard).toHaveLength(limits.maxFramesAtOnce);
  expect(clock.pending).toBe(0);
});

it('reads the longest prompts that a client may have unfinished, and never takes its own delay for an unfinished frame', () => {
  const { clock, connection, heard, ends } = listen(() => true);
  const prompt = 'x'.repeat(limits.maxFrameBytes - 100);
  const send = (id: string): void => {
    const bytes = encodeFrame({ v: 2, type: 'prompt', id, prompt });
    for (let at = 0; at < bytes.length; at += 65_536) connection.say(bytes.subarray(at, at + 65_536));
  };
  for (const id of ids(limits.maxUnfinishedPerClient)) send(id);
  expect(heard).toEqual(ids(limits.maxUnfinishedPerClient));
  clock.advance(500); // hardly anything is allowed by now
  const late = encodeFrame({ v: 2, type: 'prompt', id: 'late', prompt });
  connection.say(late.subarray(0, 10));
  connection.say(late.subarray(10));
  clock.advance(60_000);
  expect(heard.at(-1)).toBe('late');
  expect(ends).toEqual([]);
});
