/** The pages of a worker in a simulated mesh: what they hear, and what it costs when there are none. */
import type { AnyActorRef } from 'xstate';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Happened, Hello, Item } from '../../../src/admin/wire.js';
import { maxPages, Watchers } from '../../../src/admin/watchers.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { LogRing } from '../../../src/runtime/log-ring.js';
import type { SimWorker } from '../../simulation/world/sim-worker.js';
import { World } from '../../simulation/world/world.js';

class FakePage {
  readonly frames: { readonly event: string; readonly data: unknown }[] = [];
  unreadBytes = 0;

  write(text: string): void {
    const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(text) ?? [];
    this.frames.push({ event, data: JSON.parse(data) });
  }

  heard<T>(event: string): T[] {
    return this.frames.filter((frame) => frame.event === event).map(({ data }) => data as T);
  }

  get items(): Item[] {
    return this.heard<Happened>('happened').flatMap(({ items }) => items);
  }
}

let world: World;
let worker: SimWorker;
let ring: LogRing;
let watchers: Watchers;

beforeEach(() => {
  world = new World(3);
  worker = world.startWorker();
  ring = new LogRing(worker.clock, ['reason']);
  watchers = new Watchers(worker.deps, worker.tree.system, ring, ['slot']);
  world.clock.advance(12_000);
});

describe('nobody looks', () => {
  it('nobody is told, after the last page', () => {
    const [first, second] = [new FakePage(), new FakePage()];
    const leaveFirst = watchers.add(first);
    const leaveSecond = watchers.add(second);
    leaveFirst();
    leaveFirst();
    leaveSecond();
    const heard = first.frames.length + second.frames.length;
    world.clock.advance(5_000);
    expect(first.frames.length + second.frames.length).toBe(heard);
  });
});

describe('a page', () => {
  it('hears first of everybody in the tree, and then in order of what happens', () => {
    const client = world.startClient('master');
    world.clock.advance(12_000);
    const page = new FakePage();
    watchers.add(page);
    const [hello] = page.heard<Hello>('hello');
    expect(hello?.actors.find(({ name }) => name === 'slot.0.0')).toMatchObject({
      parent: 'slots.0',
      machine: 'slot',
      states: ['slot.idle'],
    });
    expect(hello?.view).toMatchObject({ state: 'on_duty', notReady: null, usage: { total: 2, busy: 0 } });
    const asked = world.ask(client, { prompt: 'count from 5', options: { maxTokens: 5 } });
    expect(world.clock.runUntil(() => asked.ends > 0, 20_000)).toBe(true);
    world.clock.advance(1_100);
    const ofRequest = page.items.filter((item) => item.kind === 'message' && item.request !== undefined);
    const types = ofRequest.map((item) => (item.kind === 'message' ? item.type : ''));
    expect(types).toEqual(expect.arrayContaining(['prompt.received', 'slot.run', 'run.started', 'run.ended']));
    expect(types.indexOf('prompt.received')).toBeLessThan(types.indexOf('slot.run'));
    const moves = page.items.filter((item) => item.kind === 'moved' && item.actor.name.startsWith('slot.0'));
    expect(moves.map((item) => item.kind === 'moved' && item.actor.states[0])).toContain('slot.busy.decoding.heard');
    const times = page.items.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(JSON.stringify(page.frames)).not.toContain('count from 5');
    expect(page.heard<Hello['view']>('view').at(-1)).toMatchObject({ done: { ended: { length: 1 }, tokens: 5 } });
  });

  it('hears of a crash, of the new start, and later of how often it was', () => {
    const page = new FakePage();
    watchers.add(page);
    worker.crash('slot.0.0');
    world.clock.advance(2_000);
    const about = page.items.filter((item) => item.kind === 'failed' || item.kind === 'started');
    expect(about.map((item) => item.kind)).toEqual(['failed', 'started']);
    expect(about[0]).toMatchObject({ name: 'slot.0.0', reason: 'crash of slot.0.0' });
    const late = new FakePage();
    watchers.add(late);
    expect(late.heard<Hello>('hello')[0]?.failures).toMatchObject({ 'slot.0.0': { count: 1 } });
  });

  it('that does not read is left out, and begins anew when it reads again', () => {
    const page = new FakePage();
    watchers.add(page);
    page.unreadBytes = 10_000_000;
    worker.crash('slot.0.0');
    world.clock.advance(5_000);
    expect(page.frames).toHaveLength(1);
    page.unreadBytes = 0;
    world.clock.advance(1_500);
    expect(page.frames[1]?.event).toBe('hello');
  });

  it('is told how much it was not told', () => {
    const page = new FakePage();
    watchers.add(page);
    const log = ring.keeping(nullLogger);
    for (let line = 0; line < 3_000; line++) log.info('x.y', { reason: 'no', secret: 'yes' });
    world.clock.advance(200);
    const [{ items, lost }] = page.heard<Happened>('happened') as [Happened];
    expect(items).toHaveLength(1_000);
    expect(lost).toBe(2_000);
    expect(JSON.stringify(items)).not.toContain('yes');
  });

  it('follows fewer requests where there are many, each of them whole, and says how much it left out', () => {
    const page = new FakePage();
    watchers.add(page);
    const scheduler = worker.tree.system.get('scheduler') as AnyActorRef;
    const batch = (requests: number): Happened => {
      for (let turn = 0; turn < 4; turn++)
        for (let id = 0; id < requests; id++) scheduler.send({ type: 'nothing.known', id: `r${id}` });
      world.clock.advance(150);
      const { items, lost } = page.heard<Happened>('happened').at(-1) as Happened;
      return { items: items.filter((item) => item.kind === 'message' && item.type === 'nothing.known'), lost };
    };
    expect(batch(100)).toMatchObject({ items: { length: 400 }, lost: 0 });
    const { items, lost } = batch(100);
    const told = new Map<string, number>();
    for (const item of items)
      if (item.kind === 'message') told.set(item.request ?? '', 1 + (told.get(item.request ?? '') ?? 0));
    expect(new Set(told.values())).toEqual(new Set([4]));
    expect(told.size).toBeGreaterThan(4);
    expect(told.size).toBeLessThan(30);
    expect(items.length + lost).toBeGreaterThanOrEqual(400);
    batch(1);
    expect(batch(5)).toMatchObject({ items: { length: 20 }, lost: 0 });
  });

  it('is one of few', () => {
    for (let page = 0; page < maxPages; page++) watchers.add(new FakePage());
    expect(watchers.isFull).toBe(true);
  });
});
