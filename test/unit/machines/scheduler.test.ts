/**
 * The scheduler with its real request machines, and slots that are played here. The paths that matter one by one, then
 * random courses of events in any order, after each of which the invariants of its file must hold.
 */
import * as fc from 'fast-check';
import { createActor, type AnyActorRef } from 'xstate';
import { describe, expect, it } from 'vitest';
import { requestMachine } from '../../../src/machines/request.machine.js';
import { schedulerMachine } from '../../../src/machines/scheduler.machine.js';
import { modelsOnTrial } from '../../../src/machines/scheduler-blame.js';
import type { RequestEnd } from '../../../src/machines/scheduler-ends.js';
import {
  keyOf,
  runOf,
  type Asking,
  type SchedulerContext,
  type SchedulerEvent,
} from '../../../src/machines/scheduler.js';
import { admitClient } from '../../../src/rules/admission.js';
import { limits } from '../../../src/protocol/limits.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import { maxMicrosteps } from '../../../src/runtime/limits.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { claimWith } from '../../support/ledger-cases.js';
import { crash } from '../../support/crash.js';
import { noteTransitions, untaken } from './stage.js';
import { waitingIn } from '../../../src/rules/queue.js';
import type { Tier } from '../../../src/rules/tiers.js';

const owner = 'owner';
const queueCapacity = 4;
const drainMs = 5_000;
/** The desk that is played here takes none. */
const { order } = claimWith();
const models = ['m0', 'm1'].map((name) => ({ name, sha256: `sha of ${name}`, capabilities: [] }));

interface FakeSlot {
  readonly model: string;
  /** The sequence beyond the slots. */
  readonly isReserve: boolean;
  state: 'offline' | 'idle' | 'busy';
  run: string | undefined;
}

class Office {
  readonly clock = new VirtualClock();
  readonly slots = new Map<string, FakeSlot>();
  served = models;
  /** Keys that are owed an end. */
  readonly open = new Set<string>();
  readonly ends: { key: string; peer: string; end: RequestEnd }[] = [];
  readonly refusals: { id: string; code: string }[] = [];
  readonly told: { id: string; peer: string; position: number }[] = [];
  /** The latest estimate by id. */
  readonly estimates = new Map<string, number>();
  /** By account; bronze otherwise. */
  readonly tiers = new Map<string, Tier>();
  healthCapacity = 100;
  /** Results that wait for their receipts. */
  unsent = 0;
  arrivals = 0;
  readonly cancels: string[] = [];
  readonly struck: string[] = [];
  /** Keys whose results are kept for who asks again. */
  readonly stored = new Set<string>();
  readonly repeated: string[] = [];
  readonly violations: string[] = [];
  readonly ref: AnyActorRef;

  /** @param slots the model of each; with a '+' it is a reserve */
  constructor(slots: readonly string[] = ['m0', 'm0', 'm1'], said = '', capacity = queueCapacity) {
    slots.forEach((name, i) =>
      this.slots.set(`slot.${i}`, {
        model: `sha of ${name.replace('+', '')}`,
        isReserve: name.endsWith('+'),
        state: 'offline',
        run: undefined,
      }),
    );
    const request = requestMachine.provide({
      actions: {
        startRun: ({ context: { slot, record } }) => this.#start(slot, record.key, runOf(record)),
        cancelRun: ({ context: { record } }) => void this.cancels.push(runOf(record)),
      },
    });
    const machine = schedulerMachine.provide({
      actors: { request },
      actions: {
        refuse: (_, { id, why }) => void this.refusals.push({ id, code: why.code }),
        open: (_, { record }) => {
          if (this.open.has(record.key)) this.violations.push(`${record.key} opened twice`);
          this.open.add(record.key);
        },
        tell: (_, told) => {
          for (const { record, position, waitMs } of told) {
            this.estimates.set(record.id, waitMs);
            // What is news is the outboxes' to know.
            const last = this.told.findLast(({ id, peer }) => id === record.id && peer === record.peer);
            if (last?.position !== position) this.told.push({ id: record.id, peer: record.peer, position });
          }
        },
        finish: (_, { record, end }) => {
          if (!this.open.delete(record.key)) this.violations.push(`${record.key} ended without being open`);
          this.ends.push({ key: record.key, peer: record.peer, end });
        },
        repeatResult: (_, { account, prompt, peer }) =>
          void this.repeated.push(`${keyOf(account, prompt.id)} to ${peer}`),
        cancelRun: (_, { run }) => void this.cancels.push(run),
        strike: (_, { account }) => void this.struck.push(account),
      },
    });
    const input = {
      queueCapacity: capacity,
      drainMs,
      sharesPrefix: false,
      owner,
      monotonicMs: this.clock.monotonicMs,
      gate: (asking: Asking) =>
        admitClient({
          ...asking,
          access: 'open',
          banLeftMs: 0,
          provenBanLeftMs: 0,
          bucketWaitMs: 0,
          health: 'idle',
          proof: () => 'missing',
        }),
      healthCapacity: () => this.healthCapacity,
      orderRefusal: (account: string, { order }: PromptMessage) =>
        order === undefined ? undefined : { code: 'bad_request' as const, message: `order: not by ${account}` },
      contradicts: (_account: string, before: string | undefined, { order }: PromptMessage) =>
        before !== order?.promptHash,
      nothingUnsent: () => this.unsent === 0,
      standing: (account: string) => this.tiers.get(account) ?? 'bronze',
      models: () => this.served,
      loadLeftMs: () => 0,
      hasResult: (key: string) => this.stored.has(key),
      nextArrival: () => this.arrivals++,
      isNewer: (peer: string, other: string) => peer > other,
      canMove: (_key: string, resumeText: string) => said.startsWith(resumeText),
    };
    const actor = createActor(machine, { clock: this.clock, input, inspect: noteTransitions });
    actor.subscribe({ error: (error) => this.violations.push(`failed: ${String(error)}`) });
    this.ref = actor.start();
  }

  get context(): SchedulerContext {
    return this.ref.getSnapshot().context as SchedulerContext;
  }

  get isDone(): boolean {
    return this.ref.getSnapshot().status === 'done';
  }

  /** How each ended: a finish reason or an error's code. */
  get outcomes(): string[] {
    return this.ends.map(({ end }) => (end.kind === 'result' ? end.usage.finishReason : end.code));
  }

  send(event: SchedulerEvent): void {
    if (!this.isDone) this.ref.send(event);
  }

  prompt(
    id: string,
    fields: Partial<PromptMessage> = {},
    from: { account?: string; peer?: string; waitedMs?: number } = {},
  ): void {
    const { account = 'a', peer = 'p', waitedMs = 0 } = from;
    const prompt: PromptMessage = { v: 2, type: 'prompt', id, prompt: '', ...fields };
    this.send({ type: 'prompt.received', account, peer, address: undefined, prompt, waitedMs });
  }

  /** The slot is free and says so. */
  idle(...names: string[]): void {
    for (const name of names.length > 0 ? names : this.slots.keys()) {
      const slot = this.slots.get(name)!;
      Object.assign(slot, { state: 'idle', run: undefined });
      this.send({ type: 'slot.idle', slot: name, model: slot.model, isReserve: slot.isReserve });
    }
  }

  /** The run in the slot is over, and the slot offers itself again. */
  end(name: string, finishReason: 'stop' | 'cancelled' = 'stop'): void {
    const { run } = this.slots.get(name)!;
    if (run === undefined) return;
    const usage = { finishReason, promptTokens: 3, completionTokens: 5 };
    this.send({ type: 'run.ended', run, usage });
    this.idle(name);
  }

  /** The slot's engine died: it says so, and is away. */
  lose(name: string): void {
    const slot = this.slots.get(name)!;
    const { run, state } = slot;
    Object.assign(slot, { state: 'offline', run: undefined });
    if (run !== undefined) this.send({ type: 'run.lost', run });
    else if (state === 'idle') this.send({ type: 'slot.gone', slot: name });
  }

  /** The engine of a model died, with all that ran in it; and is there again. */
  die(model = 'm0'): void {
    const names = [...this.slots].filter(([, slot]) => slot.model === `sha of ${model}`).map(([name]) => name);
    this.send({ type: 'engine.died', model: `sha of ${model}` });
    const isIdle = (name: string): boolean => this.slots.get(name)?.state === 'idle';
    for (const name of [...names.filter(isIdle), ...names.filter((name) => !isIdle(name))]) this.lose(name);
    this.idle(...names);
  }

  /** Which requests run, by id. */
  get runs(): string[] {
    return [...this.slots.values()].flatMap(({ run }) => run?.split('#')[0]?.slice(2) ?? []).sort();
  }

  say(id: string): void {
    const run = [...this.slots.values()].find((slot) => slot.run?.startsWith(`a/${id}#`))?.run;
    if (run === undefined) return;
    this.send({ type: 'run.started', run, promptTokens: 3 });
    this.send({ type: 'run.firstToken', run });
  }

  crashRequest(): void {
    const [child] = Object.values((this.ref.getSnapshot() as { children: Record<string, AnyActorRef> }).children);
    if (child?.getSnapshot().status === 'active') crash(child);
  }

  /** @throws where one of the scheduler's invariants does not hold. */
  check(): void {
    expect(this.violations).toEqual([]);
    const { queue, running, slots } = this.context;
    const waiting = [...waitingIn(queue)];
    const keys = [...running.keys(), ...waiting.map(({ key }) => key)];
    expect(new Set(keys)).toEqual(this.open);
    expect(keys).toHaveLength(this.open.size); // in exactly one place
    expect(new Set([...running.values()].map(({ child }) => child)).size).toBe(running.size);
    const taken = [...slots.values()].flatMap(({ key }) => key ?? []);
    expect(new Set(taken).size).toBe(taken.length);
    expect(waiting.length).toBeLessThanOrEqual(queueCapacity + this.slots.size); // what lost its slot is never refused
    for (const [name, { key, model, isReserve }] of slots) {
      if (key !== undefined || modelsOnTrial(running).includes(model)) continue;
      expect(this.slots.get(name)?.state).toBe('idle');
      // While a slot may be given, nobody waits who could have it.
      const could = waiting.filter((record) => record.model === model && (!isReserve || record.isOwner));
      if (this.healthCapacity === 100) expect(could).toEqual([]);
    }
    for (const account of ['a', 'b'])
      expect(keys.filter((key) => key.startsWith(`${account}/`)).length).toBeLessThanOrEqual(
        limits.maxUnfinishedPerClient,
      );
  }

  #start(name: string, key: string, run: string): void {
    const slot = this.slots.get(name);
    if (slot?.state !== 'idle') this.violations.push(`${run} given to ${name}, which is ${slot?.state ?? 'unknown'}`);
    if (!this.open.has(key)) this.violations.push(`${run} started after its end`);
    if (slot !== undefined) Object.assign(slot, { state: 'busy', run });
  }
}

describe('the scheduler', () => {
  it('gives a free slot the next request for its model, and ends it with its run', () => {
    const office = new Office();
    office.idle();
    office.prompt('a', { model: 'm1' });
    expect(office.slots.get('slot.2')).toMatchObject({ state: 'busy', run: 'a/a#0.0' });
    office.end('slot.2');
    expect(office.outcomes).toEqual(['stop']);
    office.check();
  });

  it('answers in order where slots are short, and tells those who wait where they stand', () => {
    const office = new Office(['m0']);
    for (const id of ['1', '2', '3']) office.prompt(id);
    expect(office.told).toEqual(['1', '2', '3'].map((id, i) => ({ id, peer: 'p', position: i + 1 })));
    office.told.splice(0);
    office.idle();
    office.clock.advance(limits.queueStatusMinGapMs);
    expect(office.told.map(({ id, position }) => [id, position])).toEqual([
      ['1', 0],
      ['2', 1],
      ['3', 2],
    ]);
    for (let i = 0; i < 3; i++) office.end('slot.0');
    expect(office.ends.map(({ key }) => key)).toEqual(['a/1', 'a/2', 'a/3']);
  });

  it(`refuses beyond ${queueCapacity} waiting and beyond ${limits.maxUnfinishedPerClient} unfinished, but not the owner`, () => {
    const office = new Office(Array<string>(9).fill('m0'));
    office.idle();
    for (let i = 0; i < 9; i++) office.prompt(`r${i}`);
    expect(office.refusals).toEqual([{ id: 'r8', code: 'rate_limited' }]);
    for (let i = 0; i < 6; i++) office.prompt(`o${i}`, {}, { account: owner });
    expect(office.refusals.slice(1)).toEqual([{ id: 'o5', code: 'queue_full' }]); // one in the last slot, four in line
  });

  it('gives a slot to the client whose prefix it holds, where it has the choice', () => {
    const office = new Office(['m0', 'm0']);
    office.idle();
    office.prompt('1', { prompt: 'hi' }, { account: 'a' });
    office.prompt('2', { prompt: 'hi' }, { account: 'b' });
    office.end('slot.0');
    office.end('slot.1');
    office.prompt('3', { prompt: 'hi again' }, { account: 'b' });
    expect(office.slots.get('slot.1')?.run).toBe('b/3#2.0');
  });

  it('tries a request again whose slot is lost, before those that wait, and once only', () => {
    const office = new Office(['m0']);
    office.idle();
    for (const id of ['1', '2']) office.prompt(id);
    office.lose('slot.0');
    expect(office.outcomes).toEqual([]);
    office.idle();
    expect(office.slots.get('slot.0')?.run).toBe('a/1#0.1');
    office.lose('slot.0');
    expect(office.outcomes).toEqual(['slot_failed']);
    office.idle();
    expect(office.slots.get('slot.0')?.run).toBe('a/2#1.0');
    office.check();
  });

  it('finds the request that kills its engine, ends it alone, and takes the others on', () => {
    const office = new Office(['m0', 'm0', 'm0', 'm1']);
    office.idle();
    for (const id of ['1', 'deadly', '3', 'other']) office.prompt(id, { model: id === 'other' ? 'm1' : 'm0' });
    for (const id of ['1', 'deadly', '3', 'other']) office.say(id);
    office.die();
    expect(office.runs).toEqual(['1', 'other']); // by itself until it has said something
    office.prompt('new');
    expect(office.runs).toEqual(['1', 'other']);
    office.say('1');
    expect(office.runs).toEqual(['1', 'deadly', 'other']);
    office.check();
    office.die();
    expect(office.ends).toEqual([
      { key: 'a/deadly', peer: 'p', end: expect.objectContaining({ code: 'slot_failed' }) },
    ]);
    expect(office.struck).toEqual(['a']);
    expect(office.runs).toEqual(['1', '3', 'new', 'other']); // nothing is held against them any more
    for (const name of office.slots.keys()) office.end(name);
    expect(office.outcomes).toEqual(['slot_failed', 'stop', 'stop', 'stop', 'stop']);
    office.prompt('deadly');
    expect(office.refusals).toEqual([{ id: 'deadly', code: 'slot_failed' }]);
    office.check();
  });

  it('blames nobody where it is not known who did it', () => {
    const office = new Office(['m0', 'm0']);
    office.idle();
    for (const id of ['1', '2']) office.prompt(id);
    for (let death = 0; death < 2; death++) {
      for (const id of ['1', '2']) office.say(id);
      office.die();
    }
    expect(office.outcomes).toEqual(['slot_failed', 'slot_failed']);
    expect(office.struck).toEqual([]);
    office.check();
  });

  it('tries a request again whose own actor failed, and stops the run that it left behind', () => {
    const office = new Office(['m0', 'm0']);
    office.idle('slot.0');
    office.prompt('1');
    office.crashRequest();
    expect(office.cancels).toEqual(['a/1#0.0']);
    office.idle('slot.1');
    expect(office.slots.get('slot.1')?.run).toBe('a/1#0.1');
    office.check();
  });

  it('takes a slot that offers itself with a run in it for one that started anew', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1');
    office.idle('slot.0');
    expect(office.slots.get('slot.0')).toMatchObject({ state: 'busy', run: 'a/1#0.1' });
    office.check();
  });

  it('cancels a waiting request at once, and a running one when its run has ended', () => {
    const office = new Office(['m0']);
    office.idle();
    for (const id of ['1', '2']) office.prompt(id);
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: '2' });
    expect(office.outcomes).toEqual(['cancelled']);
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: '1' });
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: 'unknown' });
    expect(office.cancels).toEqual(['a/1#0.0']);
    expect(office.outcomes).toHaveLength(1);
    office.end('slot.0', 'cancelled');
    expect(office.outcomes).toEqual(['cancelled', 'cancelled']);
  });

  it('lets go of everything that a lost connection asked for, and of nothing else', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1', {}, { peer: 'p' });
    office.prompt('2', {}, { peer: 'p' });
    office.prompt('3', {}, { peer: 'q' });
    office.send({ type: 'peer.lost', peer: 'p' });
    office.end('slot.0', 'cancelled');
    expect(office.ends.map(({ key }) => key)).toEqual(['a/2', 'a/1']);
    expect(office.slots.get('slot.0')?.run).toBe('a/3#2.0');
  });

  it('lets go of more of them at once than a step may raise events', () => {
    const count = maxMicrosteps + 1;
    const office = new Office([], '', count);
    for (let n = 0; n < count; n++) office.prompt(`${n}`, {}, { account: owner });
    office.send({ type: 'peer.lost', peer: 'p' });
    expect(office.violations).toEqual([]);
    expect(office.outcomes).toEqual(Array(count).fill('cancelled'));
  });

  it('ends requests at their deadlines, in the queue and in a slot', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1', { deadlineMs: 2_000 });
    office.prompt('2', { deadlineMs: 1_000 });
    office.clock.advance(1_000 + limits.queueStatusMinGapMs);
    expect(office.outcomes).toEqual(['deadline_exceeded']);
    office.clock.advance(1_000);
    expect(office.cancels).toEqual(['a/1#0.0']);
    office.end('slot.0', 'cancelled');
    expect(office.outcomes).toEqual(['deadline_exceeded', 'deadline_exceeded']);
    office.prompt('3');
    expect(office.slots.get('slot.0')?.run).toBe('a/3#2.0');
  });

  it('counts from when a request came, also where it was made to wait before it was admitted', () => {
    const office = new Office(['m0']);
    office.prompt('1', { deadlineMs: 1_000 }, { waitedMs: 1_000 });
    expect(office.outcomes).toEqual(['deadline_exceeded']);
    office.clock.advance(5_000);
    office.idle();
    office.prompt('2', {}, { waitedMs: 400 });
    expect(office.context.running.get('a/2')?.record.arrivedAtMs).toBe(office.clock.monotonicMs() - 400);
  });

  it('never starts a request whose deadline has passed, however soon a slot is free', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('0', { deadlineMs: 0 });
    expect(office.outcomes).toEqual(['deadline_exceeded']);
    office.prompt('1');
    office.prompt('2', { deadlineMs: limits.queueStatusMinGapMs / 2 });
    office.clock.advance(limits.queueStatusMinGapMs - 1); // not looked at yet
    office.end('slot.0', 'stop');
    expect(office.outcomes).toEqual(['deadline_exceeded', 'stop', 'deadline_exceeded']);
    expect(office.slots.get('slot.0')?.run).toBe(undefined);
  });

  it('a request asked again on a newer connection goes on there; on the same one, or an older, it is a mistake', () => {
    const office = new Office(['m0'], 'so far');
    office.idle();
    office.prompt('1', {}, { peer: 'p' });
    office.prompt('1', {}, { peer: 'p' });
    office.prompt('1', { resume: { text: 'never said' } }, { peer: 'q' });
    expect(office.refusals.map(({ code }) => code)).toEqual(['bad_request', 'bad_request']);
    expect(office.context.running.get('a/1')?.record.peer).toBe('p'); // a refused takeover takes nothing over
    office.prompt('1', { resume: { text: 'so' } }, { peer: 'q' });
    office.prompt('1', { resume: { text: 'so' } }, { peer: 'p' }); // was held up on its way
    expect(office.refusals.map(({ code }) => code)).toEqual(['bad_request', 'bad_request', 'bad_request']);
    expect(office.context.running.get('a/1')?.record.peer).toBe('q');
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: '1' }); // so was this
    office.send({ type: 'peer.lost', peer: 'p' });
    expect(office.cancels).toEqual([]);
    office.end('slot.0');
    expect(office.ends).toMatchObject([{ key: 'a/1', peer: 'q', end: { kind: 'result' } }]);
  });

  it('a request may be cancelled from a newer connection than the one that waits for it', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1', {}, { peer: 'p' });
    office.send({ type: 'prompt.cancelled', peer: 'q', account: 'a', id: '1' });
    expect(office.cancels).toEqual(['a/1#0.0']);
  });

  it('a finished request asked again gets its result again, and no second run', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1', {}, { peer: 'p' });
    office.end('slot.0');
    office.stored.add('a/1');
    office.prompt('1', {}, { peer: 'q' });
    office.prompt('1', {}, { account: 'b', peer: 'q' }); // another client's id of the same name is another request
    expect(office.repeated).toEqual(['a/1 to q']);
    expect(office.slots.get('slot.0')?.run).toMatch(/^b\/1/);
    expect(office.ends).toHaveLength(1);
    office.check();
  });

  it('goes on with a run that was being cancelled when its client comes back in time', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1', {}, { peer: 'p' });
    office.send({ type: 'peer.lost', peer: 'p' });
    office.prompt('1', {}, { peer: 'q' });
    office.end('slot.0', 'cancelled');
    expect(office.slots.get('slot.0')?.run).toBe('a/1#0.1');
    office.end('slot.0');
    expect(office.ends).toMatchObject([{ peer: 'q', end: { usage: { finishReason: 'stop' } } }]);
  });

  it('ends those who wait for a model that is given up, and lets the others wait', () => {
    const office = new Office(['m0', 'm1']);
    office.prompt('1', { model: 'm0' });
    office.prompt('2', { model: 'm1' });
    office.served = models.slice(1);
    office.send({ type: 'model.gone', model: 'sha of m0' });
    expect(office.ends).toMatchObject([{ key: 'a/1', end: { code: 'slot_failed' } }]);
    office.check();
  });

  it('drains: what waits is handed back, what runs may finish, what comes is refused', () => {
    const office = new Office(['m0']);
    office.idle();
    for (const id of ['1', '2']) office.prompt(id);
    office.send({ type: 'sys.shutdown' });
    expect(office.ends).toMatchObject([{ key: 'a/2', end: { code: 'shutting_down' } }]);
    office.prompt('3');
    expect(office.refusals).toEqual([{ id: '3', code: 'shutting_down' }]);
    office.end('slot.0');
    expect(office.outcomes).toEqual(['shutting_down', 'stop']);
    expect(office.isDone).toBe(true);
  });

  it('drains until the last result has its receipt', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1');
    office.send({ type: 'sys.shutdown' });
    office.unsent = 1;
    office.end('slot.0');
    expect(office.isDone).toBe(false);
    office.unsent = 0;
    office.send({ type: 'queue.changed' });
    expect(office.isDone).toBe(true);
  });

  it('refuses an order that its desk refuses, and another prompt under an id that is not finished', () => {
    const office = new Office(['m0']);
    office.prompt('1', { order });
    expect(office.refusals).toEqual([{ id: '1', code: 'bad_request' }]);
    office.prompt('2');
    office.prompt('2', { order }, { peer: 'q' });
    expect(office.refusals.slice(1)).toEqual([{ id: '2', code: 'bad_request' }]);
    expect([...waitingIn(office.context.queue)].map(({ peer }) => peer)).toEqual(['p']);
    office.check();
  });

  it('hands back what still runs when the time to drain is over, and stops it', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1');
    office.send({ type: 'sys.shutdown' });
    office.clock.advance(drainMs);
    expect(office.isDone).toBe(true);
    expect(office.cancels).toEqual(['a/1#0.0']);
    expect(office.outcomes).toEqual(['shutting_down']);
  });

  it('answers higher tiers first, and the owner before them all', () => {
    const office = new Office(['m0']);
    office.idle();
    office.tiers.set('g', 'gold').set('s', 'silver');
    office.prompt('running');
    office.prompt('b', {}, { account: 'b' });
    office.prompt('s', {}, { account: 's' });
    office.prompt('g', {}, { account: 'g' });
    office.prompt('o', {}, { account: owner });
    for (let i = 0; i < 5; i++) office.end('slot.0');
    expect(office.ends.map(({ key }) => key)).toEqual(['a/running', `${owner}/o`, 'g/g', 's/s', 'b/b']);
  });

  it('starts owner and Masters at once in the reserve where every slot is taken, and nobody else', () => {
    const office = new Office(['m0', 'm0+']);
    office.tiers.set('m', 'master').set('d', 'diamond');
    office.idle();
    office.prompt('1');
    office.prompt('d', {}, { account: 'd' });
    expect(office.slots.get('slot.1')?.state).toBe('idle');
    office.prompt('m', {}, { account: 'm' });
    expect(office.slots.get('slot.1')?.run).toBe('m/m#2.0');
    office.prompt('o', {}, { account: owner });
    office.end('slot.1');
    expect(office.slots.get('slot.1')?.run).toBe(`${owner}/o#3.0`);
    office.end('slot.1');
    expect(office.slots.get('slot.1')?.state).toBe('idle');
    office.end('slot.0');
    expect(office.slots.get('slot.0')?.run).toBe('d/d#1.0');
    office.end('slot.0');
    office.prompt('n', {}, { account: 'm' });
    expect(office.slots.get('slot.0')?.run).toBe('m/n#4.0'); // a slot is free: the reserve stays one
    office.check();
  });

  it('lets a higher tier take the place of the newest of the lowest, who is told to go elsewhere', () => {
    const office = new Office(['m0']);
    office.tiers.set('g', 'gold');
    for (const id of ['1', '2', '3', '4']) office.prompt(id);
    office.prompt('5', {}, { account: 'b' });
    expect(office.refusals).toEqual([{ id: '5', code: 'queue_full' }]);
    office.prompt('g', {}, { account: 'g' });
    expect(office.ends).toMatchObject([{ key: 'a/4', end: { code: 'queue_full', retryAfterMs: 1_000 } }]);
    office.check();
  });

  it('lets guests have half of the queue, but any slot that is free', () => {
    const office = new Office(['m0', 'm0']);
    office.tiers.set('a', 'guest').set('b', 'guest');
    office.idle('slot.0');
    for (const id of ['running', '1', '2', '3']) office.prompt(id);
    expect(office.refusals).toEqual([{ id: '3', code: 'queue_full' }]);
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: '1' });
    office.send({ type: 'prompt.cancelled', peer: 'p', account: 'a', id: '2' });
    office.idle('slot.1');
    office.prompt('4');
    expect(office.slots.get('slot.1')?.run).toMatch(/^a\/4/);
  });

  it('fills as many slots and as much of the queue as the health of the machine allows, and more when it is better', () => {
    const office = new Office(['m0', 'm0', 'm0', 'm0+']);
    office.idle();
    office.healthCapacity = 40; // 2 of 3 slots, 2 of 4 places
    for (const id of ['1', '2', '3', '4', '5']) office.prompt(id);
    expect([...office.slots.values()].map(({ state }) => state)).toEqual(['busy', 'busy', 'idle', 'idle']);
    expect(office.refusals).toEqual([{ id: '5', code: 'queue_full' }]);
    office.healthCapacity = 0;
    office.end('slot.0');
    expect(office.slots.get('slot.0')?.state).toBe('idle');
    office.prompt('o', {}, { account: owner });
    expect(office.slots.get('slot.3')?.run).toMatch(`${owner}/o`); // their own machine serves them in any state
    office.healthCapacity = 100;
    office.send({ type: 'queue.changed' });
    expect([...office.slots.values()].filter(({ state }) => state === 'busy')).toHaveLength(4);
  });

  it('off duty serves nobody but its owner: what waits is handed back, what runs goes on', () => {
    const office = new Office(['m0']);
    office.idle();
    for (const id of ['1', '2']) office.prompt(id);
    office.prompt('o', {}, { account: owner });
    office.send({ type: 'duty.changed', open: false, reason: 'paused' });
    expect(office.ends).toMatchObject([{ key: 'a/2', end: { code: 'shutting_down', message: 'paused' } }]);
    office.prompt('3');
    office.prompt('p', {}, { account: owner });
    expect(office.refusals).toEqual([{ id: '3', code: 'shutting_down' }]);
    for (let i = 0; i < 3; i++) office.end('slot.0');
    expect(office.outcomes).toEqual(['shutting_down', 'stop', 'stop', 'stop']);
    office.send({ type: 'duty.changed', open: true, reason: '' });
    office.prompt('4');
    expect(office.slots.get('slot.0')?.run).toMatch(/^a\/4/);
  });

  it('tells how long the first token will take: from the pace so far in line, from the slices in a slot', () => {
    const office = new Office(['m0']);
    office.idle();
    const answer = (): void => {
      const { run } = office.slots.get('slot.0')!;
      office.clock.advance(1_000);
      office.send({ type: 'run.firstToken', run: run! });
      office.clock.advance(4_000);
      office.end('slot.0');
    };
    const prompt = 'x'.repeat(100);
    office.prompt('0', { prompt });
    answer();
    for (const id of ['1', '2', '3']) office.prompt(id, { prompt });
    expect([1, 2, 3].map((id) => office.estimates.get(`${id}`))).toEqual([1_000, 6_000, 11_000]);
    const { run } = office.slots.get('slot.0')!;
    office.clock.advance(500);
    office.send({ type: 'run.progress', run: run!, done: 100, total: 200, reused: 50 });
    expect(office.estimates.get('1')).toBe(1_000); // 50 tokens took 500 ms, 100 are left
    office.send({ type: 'run.progress', run: 'a/1#99.0', done: 1, total: 1_000, reused: 0 });
    expect(office.estimates.get('1')).toBe(1_000); // of a run of before
    office.prompt('2', { prompt, resume: { text: '' } }, { peer: 'q' });
    expect(office.estimates.get('2')).toBe(5_500);
  });

  it('hands back what still runs when the drain is cut short', () => {
    const office = new Office(['m0']);
    office.idle();
    office.prompt('1');
    office.send({ type: 'sys.shutdown' });
    office.send({ type: 'drain.cut' });
    expect(office.isDone).toBe(true);
    expect(office.outcomes).toEqual(['shutting_down']);
  });

  it('runs no timer while nobody waits', () => {
    const office = new Office();
    office.idle();
    expect(office.clock.pending).toBe(0);
    office.prompt('1');
    office.end('slot.0');
    expect(office.clock.pending).toBe(0);
  });
});

/** One event of a random course. */
const chance = fc.nat(1_000);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('prompt' as const),
      id: fc.constantFrom('0', '1', '2', '3', '4'),
      account: fc.constantFrom('a', 'b', owner),
      peer: fc.constantFrom('p', 'q'),
      model: fc.constantFrom('m0', 'm1', undefined),
      deadlineMs: fc.constantFrom(undefined, undefined, 300, 20_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constantFrom('started', 'token', 'end', 'end', 'fail', 'lose', 'idle', 'idle', 'restart'),
      slot: fc.constantFrom('slot.0', 'slot.1', 'slot.2', 'slot.3'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('cancel', 'peerLost', 'late', 'crash', 'model', 'duty', 'health', 'die'),
      chance,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.constantFrom(10, 250, 5_000, 61_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function perform(office: Office, next: Step): void {
  if ('id' in next) {
    const { id, account, peer, model, deadlineMs } = next;
    const fields = { ...(model === undefined ? {} : { model }), ...(deadlineMs === undefined ? {} : { deadlineMs }) };
    office.prompt(id, fields, { account, peer });
  } else if ('ms' in next) office.clock.advance(next.ms);
  else if ('slot' in next) performInSlot(office, next.what, next.slot);
  else {
    const id = String(next.chance % 5);
    const account = ['a', 'b', owner][next.chance % 3] ?? owner;
    const usage = { finishReason: 'stop', promptTokens: 1, completionTokens: 1 } as const;
    if (next.what === 'cancel') office.send({ type: 'prompt.cancelled', peer: 'p', account, id });
    else if (next.what === 'peerLost') office.send({ type: 'peer.lost', peer: next.chance % 2 === 0 ? 'p' : 'q' });
    else if (next.what === 'late') office.send({ type: 'run.ended', run: `${account}/${id}#99`, usage });
    else if (next.what === 'crash') office.crashRequest();
    else if (next.what === 'die') office.die(`m${next.chance % 2}`);
    else if (next.what === 'duty') office.send({ type: 'duty.changed', open: next.chance % 2 === 0, reason: 'off' });
    else if (next.what === 'health') {
      office.healthCapacity = [100, 40, 0][next.chance % 3] ?? 100;
      office.send({ type: 'queue.changed' });
    } else if (office.served.length === models.length) {
      office.served = models.slice(1);
      office.send({ type: 'model.gone', model: 'sha of m0' });
    } else office.served = models;
  }
}

function performInSlot(office: Office, what: string, name: string): void {
  const slot = office.slots.get(name)!;
  const { run, state } = slot;
  if (what === 'lose') office.lose(name);
  else if (what === 'idle' && state === 'offline') office.idle(name);
  else if (what === 'restart') office.idle(name);
  else if (run === undefined) return;
  else if (what === 'started') office.send({ type: 'run.started', run, promptTokens: 2 });
  else if (what === 'token') office.send({ type: 'run.firstToken', run });
  else if (what === 'end') office.end(name, office.cancels.includes(run) ? 'cancelled' : 'stop');
  else if (what === 'fail') {
    office.send({ type: 'run.failed', run, failure: { code: 'bad_request', message: '' } });
    office.idle(name);
  }
}

describe('the scheduler, whatever happens in whatever order', () => {
  it('keeps every admitted request in exactly one place until its one end, and never gives a slot two', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const office = new Office(['m0', 'm0', 'm1', 'm0+']);
        office.tiers.set('a', 'guest').set('b', 'gold');
        for (const next of steps) {
          perform(office, next);
          office.check();
        }
        office.send({ type: 'sys.shutdown' });
        office.clock.advance(drainMs);
        expect(office.isDone).toBe(true);
        expect([...office.open]).toEqual([]); // nobody is left without an end
        expect(office.violations).toEqual([]);
        expect(office.clock.pending).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  it('starts nothing new in a model whose memory is needed, until that is over', () => {
    const office = new Office();
    office.idle();
    const [m0] = models;
    office.send({ type: 'models.held', models: [m0!.sha256] });
    office.prompt('waits', { model: 'm0' });
    office.prompt('runs', { model: 'm1' });
    expect([...office.context.running.keys()]).toEqual(['a/runs']);
    office.send({ type: 'models.held', models: [] });
    expect([...office.context.running.keys()]).toEqual(['a/runs', 'a/waits']);
    office.check();
  });

  it('leaves no transition of its chart untaken here', () => expect(untaken(schedulerMachine)).toEqual([]));
});
