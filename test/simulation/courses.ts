/** The invariants that must hold after every course of events. */
import { expect } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { objectHash } from '../../src/protocol/signed-objects.js';
import { topicName } from '../../src/protocol/topics.js';
import { examine } from '../../src/rules/claim.js';
import { waitingIn } from '../../src/rules/queue.js';
import { everyActor } from '../support/crash.js';
import { isSoak } from '../support/soak.js';
import { checkLine, schedulerOf } from './line.js';
import { checkPositions } from './positions.js';
import { farDeadlineMs, playCourse } from './world/scenario.js';
import { inventedBy, lies, type Lie } from './world/lies.js';
import { countFrom, stepOf } from './world/sim-engine.js';
import type { SimRequest } from './world/sim-client.js';
import { World } from './world/world.js';

/** Seeds per test file, in a normal run and in the soak. */
export const seedsPerFile = { normal: 80, soak: 5_000 } as const;

/** This many seeds include every kind of event. */
const seedsToMeetAll = 1_000;

/** Allowed after the deadline: a worker that was just told to stop may take this long to send what it had. */
const graceMs = 2_000;

/** The seeds of the `part`-th file; or the one from QMESH_SEED, in the first. */
export function seedsOf(part: number): readonly number[] {
  const asked = process.env.QMESH_SEED;
  if (asked !== undefined) return part === 0 ? [Number(asked)] : [];
  const count = isSoak ? seedsPerFile.soak : seedsPerFile.normal;
  return Array.from({ length: count }, (_, i) => 1 + part * count + i);
}

/** How often each thing happened. */
type Tally = Map<string, number>;

/** Plays these seeds. If there are enough of them, every kind of event must occur in one, or it would not be tested. */
export function checkCourses(seeds: readonly number[]): void {
  const tally: Tally = new Map();
  for (const seed of seeds) checkCourse(seed, tally);
  if (process.env.QMESH_TALLY) process.stderr.write(JSON.stringify([...tally].sort(), null, 1));
  if (seeds.length < seedsToMeetAll) return;
  const missed = [...happenings, ...Object.keys(lies).map(askedOne)].filter((what) => (tally.get(what) ?? 0) === 0);
  expect(missed, 'what never happened').toEqual([]);
}

/** The ways a try can end besides an answer, and other outcomes. */
const happenings = [
  'displaced',
  'proved',
  'bad_answer',
  'worker_lost',
  'worker_silent',
  'worker_stalled',
  'rate_limited',
  'queue_full',
  'moved',
  'shutting_down',
  'slot_failed',
  'internal',
  'a claim is whole',
  'an ack is owed',
  'insufficient_credit',
  ...['idle', 'light', 'moderate', 'busy', 'overloaded'].map((state) => `a worker is ${state}`),
];

const askedOne = (lie: string): string => `asked one who ${lie}`;

export function checkCourse(seed: number, tally: Tally): void {
  const world = new World(seed);
  const replay = `seed ${seed}; replay with: QMESH_SEED=${seed} npm run test:simulation`;
  checkPositions(world, replay);
  const { requests, log } = playCourse(world, () => {
    for (const worker of world.workers) {
      if (!worker.clock.isFrozen) checkLine(worker, replay);
      note(tally, `a worker is ${worker.deps.board.health.state}`);
    }
  });
  const told = `${replay}\n${log.join('\n')}`;
  const lieOf = new Map(world.workers.map(({ id, lie }) => [id, lie]));
  for (const request of requests) {
    checkEnd(request, told);
    checkText(request, lieOf, told);
    count(request, lieOf, tally);
  }
  note(tally, 'proved', world.proofs);
  expect(world.escalations, told).toEqual([]);
  checkRest(world, told);
  checkClaims(world, tally, told);
}

function checkEnd({ request, ends, askedAtMs, endedAtMs, cancelled, failure }: SimRequest, told: string): void {
  const { deadlineMs = 0 } = request;
  expect(ends, `one end\n${told}`).toBe(1);
  if (deadlineMs === farDeadlineMs) expect(failure?.code, `nothing is stuck\n${told}`).not.toBe('deadline_exceeded');
  expect((endedAtMs ?? Infinity) - askedAtMs).toBeLessThanOrEqual(deadlineMs + (cancelled ? graceMs : 1));
}

/**
 * Every number of an answer follows from the previous one by the step of one model, or, at a liar that makes answers
 * up, from an offset.
 */
function checkText(
  { request, text, cancelled, answer, failure }: SimRequest,
  lieOf: ReadonlyMap<string, Lie | undefined>,
  told: string,
): void {
  const start = Number(/from (\d+)/.exec(request.prompt ?? '')?.[1]);
  const tokens = request.options?.maxTokens ?? 0;
  const numbers = text === '' ? [] : text.split(' ').map(Number);
  const isInvented = answer?.tries.some(({ worker }) => lieOf.get(worker) === 'invents') === true;
  const first = ((numbers[0] ?? start + 1) - start) % inventedBy;
  const step = request.model === undefined ? first : stepOf(request.model);
  const isWhole = failure === undefined && !cancelled;
  expect([1, 2], told).toContain(step);
  expect(answer?.text, told).toBe(text);
  if (isWhole) expect(numbers.length, `the whole answer\n${told}`).toBe(tokens);
  if (isInvented)
    for (const [i, number] of numbers.entries())
      expect([step, step + inventedBy], `"${text}"\n${told}`).toContain(number - (numbers[i - 1] ?? start));
  else expect(text, told).toBe(countFrom(start, numbers.length, step));
  if (isWhole && request.model !== undefined) expect(answer?.result?.model.name, told).toBe(request.model);
}

/** No points are held for anyone any more. */
function checkRest(world: World, told: string): void {
  for (const worker of world.workers) {
    const { deps, engines } = worker;
    const { running, queue } = schedulerOf(worker)!;
    const owed = [...running.keys(), ...[...waitingIn(queue)].map(({ key }) => key)];
    expect(owed, `at rest nothing is owed\n${told}`).toEqual([]);
    expect(engines.processes.map(({ runs }) => runs).filter(Boolean), `at rest nothing runs\n${told}`).toEqual([]);
    expect(deps.board.message().slots, `at rest no slot is busy\n${told}`).toMatchObject({ busy: 0 });
    expect(deps.board.models.length, `the models came back\n${told}`).toBe(deps.models.length);
  }
  for (const { tree, directory } of world.clients) {
    const asks = everyActor(tree.root as AnyActorRef).filter(({ path }) => /ask\.\d+/.test(path));
    expect(asks, `at rest no request has an actor\n${told}`).toEqual([]);
    const held = directory.candidates().filter(({ inFlight }) => inFlight > 0);
    expect(held, `at rest nothing is waited for\n${told}`).toEqual([]);
  }
  let said = 0;
  world.onPosition = () => said++;
  world.clock.advance(1_000);
  expect(said, `who owes nothing says nothing\n${told}`).toBe(0);
}

/**
 * The receipts and acks that workers hold are valid for any judge, whatever happened on the way, and none is there
 * twice.
 */
function checkClaims(world: World, tally: Tally, told: string): void {
  const receipts = new Map<string, string>();
  for (const { disk } of world.workers)
    for (const claim of [...disk.claims.values(), ...disk.certificates.values()]) {
      const { receipt, ack } = claim;
      const hash = objectHash('receipt', receipt);
      expect(receipts.get(receipt.order) ?? hash, `one receipt for each order\n${told}`).toBe(hash);
      receipts.set(receipt.order, hash);
      note(tally, ack === undefined ? 'an ack is owed' : 'a claim is whole');
      if (ack !== undefined) expect(examine({ ...claim, ack }, topicName('inference')).kind, told).toBe('sound');
    }
}

function count({ answer, failure }: SimRequest, lieOf: ReadonlyMap<string, Lie | undefined>, tally: Tally): void {
  note(tally, failure === undefined ? 'answered' : `ends in ${failure.code}`);
  for (const { worker, failure: why } of answer?.tries ?? []) {
    const lie = lieOf.get(worker);
    if (lie !== undefined) note(tally, askedOne(lie));
    if (why?.message.includes('higher tier')) note(tally, 'displaced');
    else if (why !== undefined) note(tally, why.code);
  }
}

const note = (tally: Tally, what: string, times = 1): void => void tally.set(what, (tally.get(what) ?? 0) + times);
