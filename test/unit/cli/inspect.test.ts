/** `qmesh inspect`: events are read however the network cuts them, and each thing that happens is one line that a terminal bears. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorSight, Item } from '../../../src/admin/wire.js';
import { sentEvents, type SentEvent } from '../../../src/cli/inspect/event-stream.js';
import { isWanted, lineOf } from '../../../src/cli/inspect/lines.js';
import { paintFor } from '../../../src/cli/paint.js';

const paint = paintFor({ isTTY: false, hasColors: () => false });
const atMs = Date.UTC(2026, 0, 1, 12, 34, 56, 789);

async function* cut(text: string, sizes: readonly number[]): AsyncGenerator<string> {
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield await Promise.resolve(text.slice(at, at + size));
    at += size;
  }
}

it('events come whole, wherever they are cut', async () => {
  const oneLine = fc.string().map((text) => text.replace(/[\r\n]/g, ' ').trim());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ name: fc.constantFrom('hello', 'happened', 'view'), data: oneLine })),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      async (events, sizes) => {
        const text = events.map(({ name, data }) => `event: ${name}\ndata: ${data}\n\n`).join('');
        const got: SentEvent[] = [];
        for await (const event of sentEvents(cut(text, sizes))) got.push(event);
        expect(got).toEqual(events);
      },
    ),
  );
});

it('an event without an end is not kept for ever', async () => {
  const endless = async (): Promise<void> => {
    for await (const event of sentEvents(cut('x'.repeat(9_000_000), [1_000_000]))) expect(event).toBeUndefined();
  };
  await expect(endless()).rejects.toThrow('no end');
});

describe('a line', () => {
  const actor: ActorSight = {
    name: 'slot.0.1',
    parent: 'slots.0',
    machine: 'slot',
    status: 'active',
    states: ['slot.busy.decoding'],
  };
  const items: readonly (readonly [Item, string])[] = [
    [
      { atMs, kind: 'message', from: 'scheduler', to: 'slot.0.1', type: 'slot.run', about: 'req-1' },
      '12:34:56.789 slot.0.1 ← scheduler slot.run  req-1',
    ],
    [{ atMs, kind: 'moved', actor }, '12:34:56.789 slot.0.1 is busy.decoding'],
    [{ atMs, kind: 'gone', name: 'peer.3' }, '12:34:56.789 - peer.3'],
    [
      { atMs, kind: 'failed', name: 'engine.0', reason: 'killed', restartInMs: 200 },
      '12:34:56.789 ! engine.0 failed: killed; starts again in 200 ms',
    ],
    [
      { atMs, kind: 'logged', line: { atMs, level: 'info', event: 'duty.changed', fields: { state: 'paused' } } },
      '12:34:56.789 log duty.changed state=paused',
    ],
  ];

  it('says who, from whom, and what', () => {
    for (const [item, line] of items) expect(lineOf(item, paint)).toBe(line);
  });

  it('is chosen by actor or by request', () => {
    const [message, moved, gone] = items.map(([item]) => item) as [Item, Item, Item];
    expect([message, moved, gone].filter((item) => isWanted(item, { actor: 'slot' }))).toEqual([message, moved]);
    expect(isWanted(message, { actor: 'scheduler' })).toBe(true);
    expect(isWanted({ ...moved, request: 'a' } as Item, { request: 'a' })).toBe(true);
    expect(isWanted(moved, { request: 'a' })).toBe(false);
  });

  it('holds nothing that moves a cursor', () => {
    const evil: Item = { atMs, kind: 'failed', name: 'x', reason: '\x1b[2J', restartInMs: null };
    expect(lineOf(evil, paint)).not.toContain('\x1b');
  });
});
