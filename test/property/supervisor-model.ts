/**
 * Supervision as OTP describes it, written a second time: plainly, with mutable tables and a list of timers, and without a look
 * at how src/runtime does it. supervisor.test.ts compares the two.
 */
import type { Restart, Strategy } from '../../src/runtime/supervision.js';

export const windowMs = 400;
const baseMs = 10;
const maxMs = 80;
export const backoff = { baseMs, factor: 2, maxMs, jitter: 0 };

/** How long a child takes to end once asked; one without this is stopped unasked. */
export const endingMs = 30;

export interface LeafPlan {
  readonly id: string;
  readonly restart: Restart;
  /** Below endingMs it is stopped for being late; 0 stops it unasked. */
  readonly shutdownMs: number;
}
export interface TreePlan {
  readonly id: string;
  readonly restart: Restart;
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  readonly children: readonly (LeafPlan | TreePlan)[];
}

interface Kid {
  readonly plan: LeafPlan | TreePlan;
  readonly isDynamic: boolean;
  readonly sub: ModelSupervisor | undefined;
  state: 'waiting' | 'up' | 'retiring' | 'down';
  attempts: number;
  upSinceMs: number;
  isDoomed: boolean;
  /** Counts all starts in the world. */
  startedAs: number;
}

interface Timer {
  readonly dueMs: number;
  readonly name: string;
  readonly owner: ModelSupervisor;
  readonly fire: () => void;
}

export class ModelWorld {
  nowMs = 0;
  starts = 0;
  /** Everything that an observer would see, in order. */
  readonly journal: string[] = [];
  /** How many of the next starts of a child fail. */
  readonly duds = new Map<string, number>();
  readonly root: ModelSupervisor;
  hasEscalated = false;
  #timers: Timer[] = [];

  constructor(plan: TreePlan) {
    this.root = new ModelSupervisor(this, plan, (failed) => (this.hasEscalated ||= failed));
    this.root.create();
    this.root.run();
  }

  arm(owner: ModelSupervisor, name: string, delayMs: number, fire: () => void): void {
    this.disarm(owner, name);
    const timer = { dueMs: this.nowMs + delayMs, name, owner, fire };
    const place = this.#timers.findIndex(({ dueMs }) => dueMs > timer.dueMs);
    this.#timers.splice(place < 0 ? this.#timers.length : place, 0, timer);
  }

  disarm(owner: ModelSupervisor, name?: string): void {
    this.#timers = this.#timers.filter((timer) => timer.owner !== owner || (name !== undefined && timer.name !== name));
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let next = this.#timers[0]; next && next.dueMs <= endMs; next = this.#timers[0]) {
      this.#timers.shift();
      this.nowMs = next.dueMs;
      next.fire();
    }
    this.nowMs = endMs;
  }

  /** Nothing is about to happen. */
  get isQuiet(): boolean {
    return this.#timers.length === 0;
  }

  /** Every child that runs, the oldest first, with the supervisor that keeps it. */
  up(): { kid: Kid; keeper: ModelSupervisor }[] {
    return this.hasEscalated ? [] : this.root.up();
  }
}

export class ModelSupervisor {
  #kids: Kid[] = [];
  #restartsMs: number[] = [];
  #isStarting = false;

  constructor(
    readonly world: ModelWorld,
    readonly plan: TreePlan,
    readonly over: (failed: boolean) => void,
  ) {}

  up(): { kid: Kid; keeper: ModelSupervisor }[] {
    return this.#kids
      .filter(({ state }) => state === 'up' || state === 'retiring')
      .flatMap((kid) => [{ kid, keeper: this }, ...(kid.sub ? kid.sub.up() : [])]);
  }

  /** Begins anew, from the plan. */
  create(): void {
    this.#restartsMs = [];
    this.#kids = this.plan.children.map((plan) => this.#kid(plan, false));
    for (const kid of this.#kids) this.#create(kid);
  }

  run(): void {
    this.#run(this.#kids);
  }

  /** A bug in it, or it has done what it had to do. */
  end(kid: Kid, failed: boolean): void {
    if (kid.sub) kid.sub.halt();
    else this.world.journal.push(`- ${kid.plan.id}`);
    this.exit(kid, failed);
  }

  exit(kid: Kid, failed: boolean): void {
    if (kid.state === 'retiring') {
      this.#leave(kid, failed ? 'failed' : 'ended');
      return;
    }
    const { restart, id } = kid.plan;
    const how = failed ? 'failed' : 'ended';
    if (restart === 'temporary' || (restart === 'transient' && !failed)) {
      kid.state = 'down';
      if (restart === 'temporary' || kid.isDynamic) this.#remove(kid);
      this.world.journal.push(`${how} ${id}`);
      return;
    }
    const { nowMs } = this.world;
    this.#restartsMs = this.#restartsMs.filter((ms) => nowMs - ms < windowMs);
    if (this.#restartsMs.length >= this.plan.maxRestarts) {
      this.#escalate(kid);
      return;
    }
    this.#restartsMs.push(nowMs);

    const at = this.#kids.indexOf(kid);
    const { strategy } = this.plan;
    const group =
      strategy === 'one-for-one' ? [kid] : strategy === 'rest-for-one' ? this.#kids.slice(at) : this.#kids.slice();
    for (const member of group.slice().reverse()) {
      if (member !== kid) this.#halt(member);
      if (member.plan.restart === 'temporary' || member.state === 'retiring') this.#remove(member);
      else member.state = 'waiting';
    }
    kid.attempts = nowMs - kid.upSinceMs >= windowMs ? 1 : kid.attempts + 1;
    const delayMs = Math.min(maxMs, baseMs * 2 ** (kid.attempts - 1));
    this.world.journal.push(`${how} ${id}, again in ${delayMs}`);
    if (strategy === 'one-for-one') this.world.arm(this, `restart ${id}`, delayMs, () => this.#restart([kid]));
    else this.world.arm(this, 'restart', delayMs, () => this.#restart(this.#kids));
  }

  startDynamic(plan: LeafPlan): void {
    if (this.#kids.some((kid) => kid.plan.id === plan.id)) {
      this.world.journal.push(`refused ${plan.id}`);
      return;
    }
    const startsLater = this.plan.strategy !== 'one-for-one' && this.#kids.some(({ state }) => state === 'waiting');
    const kid = this.#kid(plan, true);
    this.#kids.push(kid);
    if (!startsLater) this.#restart([kid]);
  }

  stopNamed(id: string): void {
    const kid = this.#kids.find(({ plan }) => plan.id === id);
    if (!kid || kid.state === 'retiring') return;
    this.world.disarm(this, `restart ${id}`);
    const asks = kid.sub !== undefined || (kid.plan as LeafPlan).shutdownMs > 0;
    if (kid.state !== 'up' || !asks) {
      const wasUp = kid.state === 'up';
      this.#halt(kid);
      this.#remove(kid);
      if (wasUp) this.world.journal.push(`ended ${id}`);
      return;
    }
    kid.state = 'retiring';
    const { shutdownMs } = kid.plan as LeafPlan;
    this.world.arm(this, `retire ${id}`, Math.min(endingMs, shutdownMs), () => {
      this.world.journal.push(`- ${id}`);
      this.#leave(kid, 'ended');
    });
  }

  /** Stopped from above, at once: the one that was started last goes first. */
  halt(): void {
    this.#haltAll(this.#kids.slice().sort((a, b) => a.startedAs - b.startedAs));
  }

  #kid(plan: LeafPlan | TreePlan, isDynamic: boolean): Kid {
    const kid: Kid = {
      plan,
      isDynamic,
      sub:
        'children' in plan
          ? new ModelSupervisor(this.world, plan, (failed) => this.#subIsOver(kid, failed))
          : undefined,
      state: 'waiting',
      attempts: 0,
      upSinceMs: 0,
      isDoomed: false,
      startedAs: 0,
    };
    return kid;
  }

  #restart(kids: readonly Kid[]): void {
    const due = kids.filter(({ state }) => state === 'waiting');
    for (const kid of due) this.#create(kid);
    this.#run(due);
  }

  #create(kid: Kid): void {
    const { id } = kid.plan;
    this.world.journal.push(`started ${id}`);
    kid.state = 'up';
    kid.startedAs = ++this.world.starts;
    kid.upSinceMs = this.world.nowMs;
    const duds = this.world.duds.get(id) ?? 0;
    kid.isDoomed = duds > 0;
    if (kid.isDoomed) this.world.duds.set(id, duds - 1);
    kid.sub?.create();
  }

  /** All are begun before the failure of one is looked at. */
  #run(kids: readonly Kid[]): void {
    this.#isStarting = true;
    for (const kid of kids) {
      if (kid.sub) kid.sub.run();
      else if (!kid.isDoomed) this.world.journal.push(`+ ${kid.plan.id}`);
    }
    this.#isStarting = false;
    for (const kid of kids) {
      if (!kid.isDoomed || kid.state !== 'up') continue;
      kid.isDoomed = false;
      this.exit(kid, true);
    }
  }

  /** A supervisor inside has given up; if that was while it was being started, it is looked at after its siblings. */
  #subIsOver(kid: Kid, failed: boolean): void {
    if (this.#isStarting) kid.isDoomed = true;
    else this.exit(kid, failed);
  }

  #haltAll(kids: readonly Kid[]): void {
    for (const kid of kids.slice().reverse()) {
      this.#halt(kid);
      kid.state = 'down';
    }
    this.world.disarm(this);
  }

  #halt(kid: Kid): void {
    if (kid.state !== 'up' && kid.state !== 'retiring') return;
    if (kid.sub) kid.sub.halt();
    else if (!kid.isDoomed) this.world.journal.push(`- ${kid.plan.id}`);
    kid.isDoomed = false;
    this.world.disarm(this, `retire ${kid.plan.id}`);
  }

  #escalate(culprit: Kid): void {
    culprit.state = 'down';
    this.#haltAll(this.#kids);
    this.world.journal.push(`escalated ${this.plan.id}`);
    this.over(true);
  }

  #leave(kid: Kid, how: 'failed' | 'ended'): void {
    this.world.disarm(this, `retire ${kid.plan.id}`);
    this.#remove(kid);
    this.world.journal.push(`${how} ${kid.plan.id}`);
  }

  #remove(kid: Kid): void {
    this.#kids = this.#kids.filter((other) => other !== kid);
  }
}
