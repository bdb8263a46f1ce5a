/**
 * Whose attestations count on this node right now: its policy, and for `seen` who is there. It lives outside the actors, so that consensus still
 * knows everybody after a restart.
 */
import { quorumOf, type Quorum, type ValidatorPolicy } from '../../rules/quorum.js';
import { SeenNodes } from '../../rules/seen.js';
import type { Clock } from '../../runtime/clock.js';
import type { ScorePeers } from './score-peers.js';

export interface ValidatorsOptions {
  readonly policy: ValidatorPolicy;
  /** This node's account if it attests; undefined for one that only looks up, which takes everyone there as seen at once. */
  readonly own: string | undefined;
  readonly peers: ScorePeers;
  readonly clock: Clock;
}

export class Validators {
  readonly policy: ValidatorPolicy;
  readonly #options: ValidatorsOptions;
  readonly #seen = new SeenNodes();
  #quorum: Quorum;

  constructor(options: ValidatorsOptions) {
    this.policy = options.policy;
    this.#options = options;
    this.#quorum = this.#now();
  }

  get quorum(): Quorum {
    return this.#quorum;
  }

  /** Whether this node's own attestation counts. */
  get attests(): boolean {
    const { own } = this.#options;
    return own !== undefined && this.#quorum.validators.has(own);
  }

  /** How many attestations a certificate still lacks, given those of these nodes. */
  missing(attestedBy: Iterable<string>): number {
    const { validators, threshold } = this.#quorum;
    let missing = threshold;
    for (const node of attestedBy) if (validators.has(node)) missing--;
    return Math.max(0, missing);
  }

  isNamed(node: string): boolean {
    return this.policy.validators !== 'seen' && this.#quorum.validators.has(node);
  }

  /** Looks at who is there. @returns whether the validators have changed. */
  look(): boolean {
    if (this.policy.validators !== 'seen') return false;
    const before = this.#quorum;
    this.#quorum = this.#now();
    const { validators } = this.#quorum;
    return before.validators.size !== validators.size || [...validators].some((node) => !before.validators.has(node));
  }

  #now(): Quorum {
    const { policy, own, peers, clock } = this.#options;
    if (policy.validators !== 'seen') return quorumOf(policy, []);
    const here = peers.workers();
    if (own === undefined) return quorumOf(policy, here.keys());
    this.#seen.look(here, clock.monotonicMs());
    return quorumOf(policy, [own, ...this.#seen.seen(clock.monotonicMs())]);
  }
}
