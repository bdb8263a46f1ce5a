/**
 * Looks points up for a program that is not a worker: it joins the score network as a client, fetches what it lacks by
 * anti-entropy, checks every certificate by its own policy, and folds it into its ledger. It attests nothing, and
 * nobody waits for it.
 */
import type { KeyPair } from '../../protocol/keys.js';
import { topicName } from '../../protocol/topics.js';
import type { Minters } from '../../rules/ledger.js';
import type { ValidatorPolicy } from '../../rules/quorum.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import type { ChildSpec } from '../../runtime/supervision.js';
import { Ledger } from '../scores/ledger.js';
import { consensus, scoreDeps, scorePeers, scoreTopic, type ScoreDeps } from '../score.tree.js';
import { checksHere, type ScoreChecks } from '../scores/checks.js';
import { noStore } from '../scores/no-store.js';

export interface ScoreLookupOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The asking identity; nobody needs to know its account. */
  readonly identity: KeyPair;
  readonly networkPrefix: string;
  readonly policy: ValidatorPolicy;
  readonly minters?: Minters;
  /** What is known already, and where fetched items are stored. Default: in memory. */
  readonly ledger?: Ledger;
  /** Default: in this thread. */
  readonly checks?: ScoreChecks;
}

/** Workers to compare with; each has nearly everything. */
const maxConnections = 8;
/** If nothing has arrived for this long, this node has what its workers have. */
const quietMs = 1_000;
const pollMs = 100;

export class ScoreLookup {
  readonly ledger: Ledger;
  /** Its actors, for a tree with a DHT node named `names.dht` that notifies `names.topic('scores')`. */
  readonly children: readonly ChildSpec[];
  readonly #deps: ScoreDeps;
  #changedAtMs: number;

  constructor(options: ScoreLookupOptions) {
    const { networkPrefix, random, clock } = options;
    this.ledger =
      options.ledger ?? new Ledger(noStore, { openFrom: 0, sums: [], holders: [], entries: [] }, options.minters);
    this.#deps = scoreDeps({
      ...options,
      ledger: this.ledger,
      scoreRole: 'client',
      scoreKeySeed: random.bytes(32),
      maxConnections,
      checks: options.checks ?? checksHere(topicName('inference', networkPrefix)),
    });
    this.#changedAtMs = clock.monotonicMs();
    this.ledger.onCertified(() => (this.#changedAtMs = clock.monotonicMs()));
    this.children = [consensus(this.#deps), scorePeers(this.#deps), scoreTopic(this.#deps)];
  }

  /** Number of connected workers. */
  get workers(): number {
    return this.#deps.scorePeers.workers().size;
  }

  /** Millipoints, as far as known now. */
  balanceOf(account: string): number {
    return this.ledger.balanceOf(account);
  }

  /**
   * Calls `ready` with the number of workers found, once this node has what they have or `atMostMs` have passed.
   *
   * @returns cancel
   */
  whenInStep(atMostMs: number, ready: (workers: number) => void): () => void {
    const { clock } = this.#deps;
    const startedAtMs = clock.monotonicMs();
    let metAtMs: number | undefined;
    const look = (): void => {
      const nowMs = clock.monotonicMs();
      if (this.workers > 0) metAtMs ??= nowMs;
      const isQuiet = metAtMs !== undefined && nowMs - Math.max(metAtMs, this.#changedAtMs) >= quietMs;
      if (isQuiet || nowMs - startedAtMs >= atMostMs) ready(this.workers);
      else timer = clock.setTimeout(look, pollMs);
    };
    let timer = clock.setTimeout(look, 0);
    return () => clock.clearTimeout(timer);
  }
}
