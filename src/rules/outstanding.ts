/**
 * Results that their clients have not acknowledged. Work without an ack scores nothing, so a worker does only so much of it: a client
 * with more than 2 outstanding results is refused until it acks, or for 10 minutes.
 *
 * The ack of a recent result may still be on its way: when several answers end at once, the client may ask again before it has seen
 * any of them. So results count against a client only once they are older than `onItsWayMs`, and until then its request waits. Every
 * step takes constant work.
 *
 * Invariants: a result is outstanding until it is settled or 10 minutes have passed, and at most once; a client that acks within
 * `onItsWayMs` is never refused.
 */

/** More than these, and the client is refused. */
export const maxOutstanding = 2;
export const outstandingMs = 600_000;
/** What a result and its ack may take between them. */
export const onItsWayMs = 2_000;
/** Results that are remembered, of all clients together. The oldest are forgotten first. */
export const maxRemembered = 100_000;

interface Owed {
  readonly client: string;
  readonly sinceMs: number;
}

export class Outstanding {
  /** In the order of time. */
  readonly #owed = new Map<string, Owed>();
  readonly #byClient = new Map<string, Map<string, number>>();

  /** @param key names the result. @param sinceMs never earlier than that of the one before. */
  add(key: string, client: string, sinceMs: number): void {
    if (this.#owed.has(key)) return;
    this.#owed.set(key, { client, sinceMs });
    const own = this.#byClient.get(client) ?? new Map<string, number>();
    this.#byClient.set(client, own.set(key, sinceMs));
    if (this.#owed.size > maxRemembered) for (const oldest of this.#owed.keys()) return this.settle(oldest);
  }

  /** Acknowledged. */
  settle(key: string): void {
    const owed = this.#owed.get(key);
    if (owed === undefined) return;
    this.#owed.delete(key);
    const own = this.#byClient.get(owed.client);
    own?.delete(key);
    if (own?.size === 0) this.#byClient.delete(owed.client);
  }

  /** How long this client is refused, if it does not ack; 0: it is not. */
  refusedForMs(client: string, nowMs: number): number {
    const due = this.#sinceMsOf(client).filter((sinceMs) => sinceMs + onItsWayMs <= nowMs);
    const enough = due.at(-1 - maxOutstanding);
    return enough === undefined ? 0 : Math.max(0, enough + outstandingMs - nowMs);
  }

  /** After how long it is known whether this client is refused, if nothing comes by then; 0: it is known. */
  undecidedForMs(client: string, nowMs: number): number {
    const enough = this.#sinceMsOf(client)[maxOutstanding];
    return enough === undefined ? 0 : Math.max(0, enough + onItsWayMs - nowMs);
  }

  #sinceMsOf(client: string): number[] {
    return [...(this.#byClient.get(client)?.values() ?? [])];
  }

  /** Gives up what is too old. @returns whose it was, once for each. */
  expire(nowMs: number): string[] {
    const clients: string[] = [];
    for (const [key, { client, sinceMs }] of this.#owed) {
      if (sinceMs + outstandingMs > nowMs) break;
      this.settle(key);
      clients.push(client);
    }
    return clients;
  }
}
