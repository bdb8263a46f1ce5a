/**
 * Challenges for proofs of work. A challenge carries everything needed to recognise it, sealed with a secret of this
 * process, so a flood of guests that ask and never answer uses no memory. Only spent challenges are remembered: each
 * was paid for with work, and is kept as long as it could be replayed.
 *
 *     8 bytes   bits (1), time (4, ms), serial number (3)
 *     8 bytes   of the HMAC-SHA-256 over these and the account
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '../../protocol/limits.js';
import { provesWork } from '../../protocol/work.js';
import type { ProofVerdict } from '../../rules/admission.js';

export const maxSpentChallenges = 20_000;

const headBytes = 8;
const timeRange = 2 ** 32;
const serialRange = 2 ** 24;

interface Proof {
  readonly challenge: string;
  readonly nonce: string;
}

export class Challenges {
  readonly #secret: Uint8Array;
  #serial = 0;
  /** Expiry by challenge, on the caller's clock; the first spent comes first. */
  readonly #spent = new Map<string, number>();

  /** @param secret 32 random bytes. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  get spent(): number {
    return this.#spent.size;
  }

  issue(account: string, bits: number, nowMs: number): { readonly challenge: string; readonly bits: number } {
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(bits, 0);
    head.writeUInt32BE(Math.floor(nowMs) % timeRange, 1);
    head.writeUIntBE(this.#serial++ % serialRange, 5, 3);
    return { challenge: Buffer.concat([head, this.#seal(head, account)]).toString('hex'), bits };
  }

  /** Checks the seal first, then the time, then one SHA-256; all of it takes a few microseconds. */
  check(account: string, id: string, proof: Proof, nowMs: number): ProofVerdict {
    const bytes = Buffer.from(proof.challenge, 'hex');
    const head = bytes.subarray(0, headBytes);
    if (!timingSafeEqual(this.#seal(head, account), bytes.subarray(headBytes))) return 'useless';
    const ageMs = (timeRange + Math.floor(nowMs) - head.readUInt32BE(1)) % timeRange;
    if (ageMs >= limits.workChallengeMs || this.#spent.has(proof.challenge)) return 'late';
    const task = { challenge: proof.challenge, client: account, id, bits: head.readUInt8(0) };
    if (!provesWork(task, proof.nonce)) return 'useless';
    this.#dropExpired(nowMs);
    return this.#spent.size < maxSpentChallenges ? 'good' : 'late';
  }

  /** Marks a challenge as used. */
  spend(challenge: string, nowMs: number): void {
    this.#spent.set(challenge, nowMs + limits.workChallengeMs);
  }

  #dropExpired(nowMs: number): void {
    for (const [challenge, expiresAtMs] of this.#spent) {
      if (expiresAtMs > nowMs) return;
      this.#spent.delete(challenge);
    }
  }

  #seal(head: Uint8Array, account: string): Uint8Array {
    return createHmac('sha256', this.#secret).update(head).update(account).digest().subarray(0, headBytes);
  }
}
