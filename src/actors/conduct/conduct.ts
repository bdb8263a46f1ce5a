/**
 * How clients behave towards this worker, and whether they may ask: bans and strikes, token buckets, proofs of work,
 * and the owner's allow and deny lists. Lives outside the actors, so that a ban survives a crash of the actor that
 * imposed it; bans and strikes also survive the process, in a file of the home.
 *
 * Everything is bounded. If there is no room for another client, the one with the least held against it is forgotten.
 * Banned clients are never forgotten, so no number of strangers can free them.
 */
import type { Asking } from '../../machines/scheduler.js';
import { admitClient, type ProofVerdict, type Refusal } from '../../rules/admission.js';
import { banLeftMs, cleanStanding, heldAgainst, isForgotten, restored, strike } from '../../rules/strikes.js';
import type { Standing, StrikeKind } from '../../rules/strikes.js';
import type { Tier } from '../../rules/tiers.js';
import { workBits } from '../../rules/work.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import { Buckets } from './buckets.js';
import { Challenges } from './challenges.js';
import type { ConductStore } from './conduct-file.js';

export const maxStandings = 10_000;
/** Strikes come in bursts and are written together. */
const saveDelayMs = 1_000;

export interface ConductOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: ConductStore;
  /** The worker's own account: never struck, never refused. */
  readonly owner: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly health: () => { readonly score: number; readonly state: string };
  /**
   * The remaining ban of an account proven to have signed two versions of one object (`rules/evidence.ts`); 0 if there
   * is none.
   */
  readonly provenBanLeftMs: (account: string) => number;
}

export class Conduct {
  readonly #options: ConductOptions;
  readonly #allowed: ReadonlySet<string>;
  readonly #denied: ReadonlySet<string>;
  readonly #buckets = new Buckets();
  readonly #challenges: Challenges;
  readonly #standings: Map<string, Standing>;
  /** Unix time in ms, but without the steps of the machine's clock. */
  readonly #nowMs: () => number;
  #timer: TimerHandle;

  constructor(options: ConductOptions) {
    const { clock, random, store, allow, deny } = options;
    const epochMs = clock.now() - clock.monotonicMs();
    this.#options = options;
    this.#nowMs = () => Math.floor(epochMs + clock.monotonicMs());
    this.#allowed = new Set(allow);
    this.#denied = new Set(deny);
    this.#challenges = new Challenges(random.bytes(32));
    this.#standings = new Map([...store.load()].map(([account, was]) => [account, restored(was, this.#nowMs())]));
  }

  /** Records something that no correct client does. */
  strike(account: string, kind: StrikeKind): void {
    const { owner, log } = this.#options;
    if (account === owner) return;
    const nowMs = this.#nowMs();
    const before = this.#standings.get(account) ?? cleanStanding;
    if (!this.#makeRoom(account, nowMs)) return;
    const after = strike(before, nowMs);
    this.#standings.set(account, after);
    const banMs = banLeftMs(after, nowMs);
    if (after.bans > 0 && after.bannedUntilMs !== before.bannedUntilMs)
      log.warn('client.banned', { account, kind, banMs, bans: after.bans });
    else log.debug('client.struck', { account, kind, strikes: after.strikes });
    this.#saveSoon();
  }

  isBanned(account: string): boolean {
    return banLeftMs(this.#standings.get(account) ?? cleanStanding, this.#nowMs()) > 0;
  }

  /** Whether a client may ask, by everything known about it. A request that passes is counted. */
  gate(asking: Asking): Refusal | undefined {
    const { account, address, tier, prompt } = asking;
    const nowMs = this.#nowMs();
    const who = bucketOf(account, address, tier);
    const { score, state } = this.#options.health();
    let proof: ProofVerdict | undefined;
    const refusal = admitClient({
      ...asking,
      access: this.#access(account),
      banLeftMs: banLeftMs(this.#standings.get(account) ?? cleanStanding, nowMs),
      provenBanLeftMs: this.#options.provenBanLeftMs(account),
      bucketWaitMs: this.#buckets.waitMs(who, tier, nowMs),
      health: state,
      proof: () => (proof = prompt.work ? this.#challenges.check(account, prompt.id, prompt.work, nowMs) : 'missing'),
    });
    if (proof === 'useless') this.strike(account, 'useless_work');
    if (refusal?.code === 'work_required')
      return { ...refusal, work: this.#challenges.issue(account, workBits(score), nowMs) };
    if (refusal !== undefined || asking.isOwner) return refusal;
    this.#buckets.take(who, tier, nowMs);
    if (proof === 'good' && prompt.work) this.#challenges.spend(prompt.work.challenge, nowMs);
    return undefined;
  }

  /** Writes pending changes. */
  flush(): void {
    const { clock, store } = this.#options;
    if (this.#timer === undefined) return;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const nowMs = this.#nowMs();
    store.save([...this.#standings].filter(([, standing]) => !isForgotten(standing, nowMs)));
  }

  #access(account: string): 'open' | 'denied' | 'not_named' {
    if (this.#denied.has(account)) return 'denied';
    return this.#allowed.size === 0 || this.#allowed.has(account) ? 'open' : 'not_named';
  }

  /**
   * Whether there is room for `account`: it has an entry, one is free, or the unbanned client with the least held
   * against it can be dropped.
   */
  #makeRoom(account: string, nowMs: number): boolean {
    const standings = this.#standings;
    if (standings.has(account) || standings.size < maxStandings) return true;
    let least: { readonly account: string; readonly held: number } | undefined;
    for (const [other, standing] of standings) {
      if (isForgotten(standing, nowMs)) standings.delete(other);
      else if (banLeftMs(standing, nowMs) === 0) {
        const held = heldAgainst(standing, nowMs);
        if (least === undefined || held < least.held) least = { account: other, held };
      }
    }
    if (standings.size < maxStandings) return true;
    return least !== undefined && standings.delete(least.account);
  }

  #saveSoon(): void {
    this.#timer ??= this.#options.clock.setTimeout(() => this.flush(), saveDelayMs);
  }
}

/** Identities are free, so guests are counted by address; others are counted by account, since their tier is earned. */
const bucketOf = (account: string, address: string | undefined, tier: Tier): string =>
  tier === 'guest' ? `guest at ${address ?? 'an unknown address'}` : account;
