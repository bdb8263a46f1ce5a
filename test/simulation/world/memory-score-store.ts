/** A simulated disk for the ledger: completed writes survive a restart, pending ones do not. */
import type {
  ScoreStore,
  ScoreWrite,
  StoredCertificate,
  OpenClaim,
  Found,
} from '../../../src/actors/scores/score-store.js';
import type { LogPage, LogQuery, Page, PageOf } from '../../../src/actors/scores/score-pages.js';
import type { Checkpoint } from '../../../src/actors/scores/closing.js';
import type { Evidence } from '../../../src/protocol/signed-objects.js';
import { objectHash } from '../../../src/protocol/signed-objects.js';
import { entryOf, type LedgerEntry } from '../../../src/rules/ledger.js';
import type { Clock } from '../../../src/runtime/clock.js';

/** The disk itself. A store is one process's access to it. */
export class ScoreDisk {
  readonly certificates = new Map<string, StoredCertificate>();
  readonly signed = new Map<string, unknown>();
  readonly claims = new Map<string, OpenClaim>();
  readonly evidence = new Map<string, Evidence>();
  /** Refuses writes from now on. */
  isFull = false;
  /** How long a write takes; Infinity means it hangs. */
  writeMs = 1;

  checkpoint(): Checkpoint {
    return { openFrom: 0, sums: [], holders: [], entries: this.entries() };
  }

  entries(): LedgerEntry[] {
    return [...this.certificates].map(([hash, { order, receipt }]) => entryOf(hash, order, receipt));
  }

  put(write: ScoreWrite): void {
    switch (write.kind) {
      case 'signed':
        return void this.signed.set(`${write.what}/${write.order}`, write.object);
      case 'claim':
        return void this.claims.set(write.hash, write.claim);
      case 'claim.closed':
        return void this.claims.delete(write.hash);
      case 'evidence':
        return void this.evidence.set(`${write.account}/${write.evidence.kind}`, write.evidence);
      case 'certificate': {
        const hash = objectHash('receipt', write.certificate.receipt);
        this.certificates.set(hash, write.certificate);
        this.claims.delete(hash);
        return;
      }
      case 'entry':
      case 'kept':
      case 'contested': // only where days are closed, or a backup is restored
        throw new Error(`a simulated disk knows nothing of '${write.kind}'`);
    }
  }
}

export class MemoryScoreStore implements ScoreStore {
  readonly #disk: ScoreDisk;
  readonly #clock: Clock;
  #isClosed = false;

  constructor(disk: ScoreDisk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
  }

  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    if (this.#disk.writeMs === Infinity) return;
    this.#clock.setTimeout(() => {
      if (this.#isClosed) return;
      if (this.#disk.isFull) return done(new Error('no space left on device'));
      for (const write of writes) this.#disk.put(write);
      done(undefined);
    }, this.#disk.writeMs);
  }

  certificate(hash: string, found: Found<StoredCertificate>): void {
    found(undefined, this.#disk.certificates.get(hash));
  }

  signed(what: string, order: string, found: Found<never>): void {
    found(undefined, this.#disk.signed.get(`${what}/${order}`) as never);
  }

  claim(hash: string, found: Found<OpenClaim>): void {
    found(undefined, this.#disk.claims.get(hash));
  }

  claims(found: Found<OpenClaim[]>): void {
    found(undefined, [...this.#disk.claims.values()]);
  }

  evidence(found: Found<Evidence[]>): void {
    found(undefined, [...this.#disk.evidence.values()]);
  }

  solos(found: Found<string[]>): void {
    const solos = [...this.#disk.certificates].filter(([, { isSolo }]) => isSolo);
    found(
      undefined,
      solos.map(([hash]) => hash),
    );
  }

  page(of: PageOf, _after: string | undefined, found: Found<Page>): void {
    const items = of === 'entries' ? this.#disk.entries().map((value) => ({ key: value.hash, value })) : [];
    found(undefined, { items, next: null });
  }

  log({ limit }: LogQuery, found: Found<LogPage>): void {
    const latest = this.#disk.entries().sort((a, b) => b.finishedAt - a.finishedAt);
    found(undefined, { entries: latest.slice(0, limit), next: null });
  }

  closedReceipt(_order: string, found: Found<LedgerEntry>): void {
    found(undefined, undefined);
  }

  /** No simulation lasts this long. */
  closeDays(_before: number, _isContested: unknown, done: (error: Error | undefined) => void): void {
    done(undefined);
  }

  /** As if its process were killed: pending writes are lost. */
  close(done: (error: Error | undefined) => void): void {
    this.#isClosed = true;
    done(undefined);
  }
}
