import type { Peer } from 'hypercore';
import { beforeEach, describe, expect, it } from 'vitest';
import { BlockChoice } from '../../../../src/actors/models/block-choice.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const blocks = 100;

/** As Hypercore keeps one: what it has from the first on, and what besides. */
function peerWith(first: number, others: readonly number[] = []) {
  const peer = {
    inflight: 0,
    _remoteContiguousLength: first,
    remoteContiguousLength: first,
    remoteBitfield: { findFirst: () => others[0] ?? -1 },
    missingBlocks: { get: (index: number) => others.includes(index) },
    core: { state: { length: blocks } },
  };
  return peer as unknown as Peer & { inflight: number };
}

let clock: VirtualClock;
let seeder: ReturnType<typeof peerWith>;
let fellow: ReturnType<typeof peerWith>;
let choice: BlockChoice;
const fellowsBlocks = [7, 8, 9];

beforeEach(() => {
  clock = new VirtualClock();
  [seeder, fellow] = [peerWith(blocks), peerWith(0, fellowsBlocks)];
  choice = new BlockChoice(clock, () => [seeder, fellow]);
});

/** It is asked for a block, and brings it after so long. */
function bring(peer: ReturnType<typeof peerWith>, afterMs: number): void {
  choice.asked(peer);
  clock.advance(afterMs);
  choice.brought(peer);
}

describe('the choice of blocks', () => {
  it('leaves to a fellow what a fellow has, and asks the seeder for the rest', () => {
    expect([6, 7, 8, 9, 10].filter((index) => choice.mayAsk(seeder, index))).toEqual([6, 10]);
    expect(fellowsBlocks.every((index) => choice.mayAsk(fellow, index))).toBe(true);
  });

  it('takes all that had the whole from the start for seeders, and shares among them', () => {
    const second = peerWith(blocks);
    choice = new BlockChoice(clock, () => [seeder, second]);
    expect([choice.mayAsk(seeder, 5), choice.mayAsk(second, 5)]).toEqual([true, true]);
  });

  it('still takes for a fellow who has become whole', () => {
    choice.mayAsk(fellow, 7);
    Object.assign(fellow, { _remoteContiguousLength: blocks, remoteContiguousLength: blocks });
    expect(choice.mayAsk(seeder, 50)).toBe(false);
  });

  it('does not wait for a fellow that owes a block and is silent', () => {
    choice.asked(fellow);
    clock.advance(4_999);
    expect(choice.mayAsk(seeder, 7)).toBe(false);
    clock.advance(1);
    expect(choice.mayAsk(seeder, 7)).toBe(true);
    choice.brought(fellow);
    expect(choice.mayAsk(seeder, 7)).toBe(false);
  });

  it('does not wait for a fellow that is far slower than the seeder', () => {
    for (let i = 0; i < 3; i++) {
      bring(seeder, 100);
      bring(fellow, 390);
    }
    expect(choice.mayAsk(seeder, 7)).toBe(false);
    for (let i = 0; i < 3; i++) bring(fellow, 900);
    expect(choice.mayAsk(seeder, 7)).toBe(true);
  });

  it('opens what fellows have and what only the seeder has by turns, and loses none', () => {
    const missing = Array.from({ length: 20 }, (_, index) => index);
    const open = new Set<number>();
    while (missing.length > 0) open.add(choice.next(missing, open) ?? -1);
    expect([...open].slice(0, 6).filter((index) => fellowsBlocks.includes(index))).toHaveLength(3);
    expect([...open].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(choice.next(missing, open)).toBeUndefined();
  });
});
