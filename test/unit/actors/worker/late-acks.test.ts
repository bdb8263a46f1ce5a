/** Prompts that wait for acks of their client: what becomes of them, whatever else is said of the same id meanwhile. */
import { beforeEach, describe, expect, it } from 'vitest';
import { LateAcks } from '../../../../src/actors/worker/late-acks.js';
import { Outboxes } from '../../../../src/actors/worker/outboxes.js';
import { limits } from '../../../../src/protocol/limits.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { FakeConnection } from '../fake-connection.js';

let clock: VirtualClock;
let outboxes: Outboxes;
let connection: FakeConnection;
let admitted: string[];
let waited: number[];
/** What waits; undefined: it is known that the client acks. */
let known: Set<() => void> | undefined;
let lateAcks: LateAcks;

const take = (id: string, fields: { deadlineMs?: number } = {}): void =>
  lateAcks.take('client', { v: 2, type: 'prompt', id, prompt: '', ...fields });
function letGo(): void {
  for (const goOn of [...(known ?? [])]) {
    known?.delete(goOn);
    goOn();
  }
}

beforeEach(() => {
  clock = new VirtualClock();
  outboxes = new Outboxes(clock);
  connection = new FakeConnection();
  outboxes.connect('peer', connection);
  admitted = [];
  waited = [];
  known = new Set();
  lateAcks = new LateAcks({
    clock,
    peer: 'peer',
    outboxes,
    desk: {
      whenAcked(_, goOn) {
        known?.add(goOn);
        return known && (() => void known?.delete(goOn));
      },
    },
    queueLength: () => 3,
    admit(account, { id }, waitedMs) {
      admitted.push(`${account} ${id} ${outboxes.owes('peer', id)}`);
      waited.push(waitedMs);
    },
  });
});

describe('a prompt', () => {
  it('goes on at once where nothing is to be waited for', () => {
    known = undefined;
    take('a');
    expect(admitted).toEqual(['client a false']);
  });

  it('waits, hears where it will stand at worst, and that again as a sign of life, and goes on once', () => {
    take('a');
    const said = { type: 'queue_status', id: 'a', position: 4, length: 4 };
    expect(connection.written).toMatchObject([said]);
    clock.advance(limits.keepaliveMs);
    expect(connection.written).toMatchObject([said, said]);
    expect(admitted).toEqual([]);
    letGo();
    letGo();
    expect(admitted).toEqual(['client a false']);
    clock.advance(limits.keepaliveMs);
    expect(connection.written).toHaveLength(2);
  });

  it.each([
    ['asked again', () => take('a'), ['client a false', 'client a false']],
    ['cancelled', () => lateAcks.goOn('a'), ['client a false']],
  ])('goes on when it is %s', (_, say, expected) => {
    take('a');
    known = undefined;
    say();
    expect(admitted).toEqual(expected);
  });

  it('waits no longer than its deadline, and it is said how long it waited', () => {
    take('a', { deadlineMs: 200 });
    take('b');
    clock.advance(199);
    expect(admitted).toEqual([]);
    clock.advance(1);
    expect(admitted).toEqual(['client a false']);
    clock.advance(300);
    letGo();
    expect(waited).toEqual([200, 500]);
    expect(admitted).toHaveLength(2);
  });

  it('of an id that is unfinished does not wait, and what is owed for that stays owed', () => {
    outboxes.open('peer', 'a');
    take('a');
    expect(admitted).toEqual(['client a true']);
  });

  it('is forgotten with its connection, or where it was ended meanwhile', () => {
    take('a');
    outboxes.abandonAll('internal', 'The worker lost it.');
    letGo();
    take('b');
    outboxes.disconnect('peer');
    lateAcks.close();
    expect([admitted, known?.size]).toEqual([[], 0]);
  });

  it('waits with so many others at most as a client may have unfinished', () => {
    for (let n = 0; n <= limits.maxUnfinishedPerClient; n++) take(`${n}`);
    expect(admitted).toEqual([`client ${limits.maxUnfinishedPerClient} false`]);
  });
});
