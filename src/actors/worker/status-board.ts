/**
 * What this worker publishes about itself, as reported by its actors. Lives outside them: a restarted actor finds what
 * the others wrote, and a new peer gets its first status at once.
 */
import { protocolVersion, type StatusMessage } from '../../protocol/messages.js';
import type { Duty } from '../../rules/duty.js';
import { unknownHealth, type PublicHealth } from '../../rules/health.js';
import type { WaitingByTier } from '../../rules/queue.js';
import { remainingMs } from '../../rules/estimate.js';
import type { Residence } from '../../rules/residency.js';
import type { Clock } from '../../runtime/clock.js';

type Said = Pick<StatusMessage, 'queue' | 'slots' | 'performance'>;

interface Parts extends Said {
  readonly health: PublicHealth;
  /** The worker is stopping and accepts nothing new; published as a capacity of 0. */
  readonly draining: boolean;
  /** Off duty is also published as a capacity of 0. */
  readonly duty: Duty;
}

/** A model that is being fetched. */
export interface Fetching {
  readonly model: string;
  readonly from: string;
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly seeders: number;
}

/** A model that can be requested, and whether it is in memory. */
export interface Resident {
  readonly model: string;
  readonly residence: Residence;
  readonly memoryBytes: number;
}

interface Loading {
  /** How long the last load took, and since when it is loading now. */
  readonly tookMs: number | undefined;
  readonly sinceMs: number | undefined;
}

/** A guess for files not in the disk cache; the first load corrects it. */
const guessedLoadMs = (memoryBytes: number): number => 1_000 + memoryBytes / 400_000;

export class StatusBoard {
  /** Address of the admin page; undefined while there is none. */
  admin: string | undefined;
  /** Waiting requests by tier. A function, so that they are counted only on demand, not at every change. */
  waiting: () => WaitingByTier = () => ({});
  readonly #workerId: string;
  readonly #agent: string;
  /** Without a ledger everyone is a guest, which the published health states. */
  readonly #hasLedger: boolean;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #models = new Map<number, StatusMessage['models'][number]>();
  readonly #fetches = new Map<number, Fetching>();
  #residents: readonly Resident[] = [];
  readonly #loads = new Map<string, Loading>();
  #parts: Parts;
  #said = '';
  #onChange: () => void = () => {};
  #onReady: () => void = () => {};
  #onOffered: () => void = () => {};

  constructor(options: { workerId: string; agent: string; clock: Clock; queueCapacity: number; hasLedger: boolean }) {
    this.#hasLedger = options.hasLedger;
    this.#workerId = options.workerId;
    this.#agent = options.agent;
    this.#clock = options.clock;
    this.#startedAtMs = options.clock.monotonicMs();
    this.#parts = {
      draining: false,
      duty: { state: 'on_duty', untilMs: undefined },
      health: unknownHealth,
      queue: { length: 0, capacity: options.queueCapacity },
      slots: { total: 0, busy: 0 },
      performance: { avgResponseMs: null, tokensPerSecond: null },
    };
  }

  /** The models that can be requested, in the order the user listed them. The first is the default. */
  get models(): StatusMessage['models'] {
    return [...this.#models].sort(([a], [b]) => a - b).map(([, model]) => model);
  }

  /** `undefined`: the model at this place is no longer served. */
  setModel(place: number, model: StatusMessage['models'][number] | undefined): void {
    if (model === undefined) this.#models.delete(place);
    else this.#models.set(place, model);
    this.#announce();
    if (model !== undefined) this.#onReady();
  }

  /** The model can be requested, but is not loaded. */
  offerModel(place: number, model: StatusMessage['models'][number]): void {
    if (this.#models.has(place)) return; // keeps what its engine reported
    this.#models.set(place, model);
    this.#announce();
    this.#onOffered();
  }

  noteResidents(residents: readonly Resident[]): void {
    this.#residents = residents;
    const now = this.#clock.monotonicMs();
    for (const { model, residence } of residents) {
      const { tookMs, sinceMs } = this.#loads.get(model) ?? {};
      if (residence === 'loading') this.#loads.set(model, { tookMs, sinceMs: sinceMs ?? now });
      else this.#loads.set(model, { tookMs: sinceMs === undefined ? tookMs : now - sinceMs, sinceMs: undefined });
    }
  }

  get residents(): readonly Resident[] {
    return this.#residents;
  }

  /** Expected time until an unloaded model is loaded, once there is room for it; 0 if it is loaded. */
  loadLeftMs(model: string): number {
    const resident = this.#residents.find((one) => one.model === model);
    if (resident === undefined || resident.residence === 'loaded') return 0;
    const { tookMs, sinceMs } = this.#loads.get(model) ?? {};
    const expectedMs = tookMs ?? guessedLoadMs(resident.memoryBytes);
    return remainingMs(expectedMs, sinceMs === undefined ? 0 : this.#clock.monotonicMs() - sinceMs);
  }

  /** `undefined`: it has arrived, or was given up. Shown to the owner only, not published. */
  setFetch(place: number, fetching: Fetching | undefined): void {
    if (fetching === undefined) this.#fetches.delete(place);
    else this.#fetches.set(place, fetching);
  }

  get fetches(): readonly Fetching[] {
    return [...this.#fetches.values()];
  }

  write(parts: Partial<Parts>): void {
    this.#parts = { ...this.#parts, ...parts };
    this.#announce();
  }

  /** Called when a model is loaded. There is one listener; a new one replaces it. */
  onReady(listener: () => void): void {
    this.#onReady = listener;
  }

  /** Called when an unloaded model can be requested. There is one listener; a new one replaces it. */
  onOffered(listener: () => void): void {
    this.#onOffered = listener;
  }

  /** Called when what is published changes. There is one listener; a new one replaces it. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  get draining(): boolean {
    return this.#parts.draining;
  }

  get duty(): Duty {
    return this.#parts.duty;
  }

  get queue(): Parts['queue'] {
    return this.#parts.queue;
  }

  get slots(): Parts['slots'] {
    return this.#parts.slots;
  }

  get health(): Parts['health'] {
    return this.#parts.health;
  }

  message(): StatusMessage {
    const { draining, duty, health, ...rest } = this.#parts;
    const isClosed = draining || duty.state !== 'on_duty';
    return {
      v: protocolVersion,
      type: 'status',
      workerId: this.#workerId,
      models: this.models,
      health: {
        ...health,
        ...(isClosed ? { capacity: 0 } : {}),
        ...(this.#hasLedger ? {} : { ledger: 'unavailable' }),
      },
      ...rest,
      uptimeMs: Math.round(this.#clock.monotonicMs() - this.#startedAtMs),
      agent: this.#agent,
      at: this.#clock.now(),
    };
  }

  #announce(): void {
    const says = JSON.stringify([this.models, this.#parts]);
    if (says === this.#said) return;
    this.#said = says;
    this.#onChange();
  }
}
