/**
 * Decides when a starting worker is up, or cannot ever be. It is up once it has joined its mesh and loaded one model;
 * it waits briefly for the others, so that they can be requested as soon as it reports ready. It fails if its DHT node
 * cannot be opened or every model is refused, since only its user can fix that. One of the two is reported, once; later
 * failures are left to the supervisors.
 */
import type { DhtInfo } from '../../actors/dht.actor.js';
import type { Clock } from '../../runtime/clock.js';
import { CommandError } from '../failure.js';

export interface StartupEvents {
  up(state: { readonly bootstrap: string; readonly models: readonly string[] }): void;
  hopeless(why: CommandError): void;
}

/** How long to wait for the other models after the first. One that must be fetched or hashed may take hours. */
export const patienceMs = 5_000;

export class Startup {
  readonly #wanted: number;
  readonly #on: StartupEvents;
  readonly #clock: Clock;
  readonly #refused = new Map<number, string>();
  #bootstrap: string | undefined;
  #models: readonly string[] = [];
  #hasLoaded = false;
  #isWaiting = false;
  #isOver = false;

  /** @param wanted number of models to serve */
  constructor(wanted: number, on: StartupEvents, clock: Clock) {
    this.#wanted = wanted;
    this.#on = on;
    this.#clock = clock;
  }

  meshed({ bootstrap }: DhtInfo): void {
    this.#bootstrap = bootstrap;
    this.#look();
  }

  meshFailed(why: Error): void {
    this.#giveUp(CommandError.because(why, 'the worker cannot join its mesh', { code: 'network_failed' }));
  }

  /** @param models names of all that can be requested now, including the one just loaded */
  loaded(models: readonly string[]): void {
    this.#hasLoaded = true;
    this.offered(models);
  }

  /** @param models names of all that can be requested now, in memory or not */
  offered(models: readonly string[]): void {
    this.#models = models;
    this.#look();
  }

  /** @param place index of the model in the list of wanted models */
  refused(place: number, reason: string): void {
    this.#refused.set(place, reason);
    if (this.#refused.size < this.#wanted) return this.#look();
    const reasons = [...this.#refused].sort(([a], [b]) => a - b).map(([, why]) => why);
    this.#giveUp(noModel(reasons));
  }

  #look(): void {
    if (this.#isOver || this.#bootstrap === undefined || !this.#hasLoaded) return;
    if (this.#models.length + this.#refused.size >= this.#wanted) return this.#up(this.#bootstrap);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const bootstrap = this.#bootstrap;
    this.#clock.setTimeout(() => this.#up(bootstrap), patienceMs);
  }

  #up(bootstrap: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#on.up({ bootstrap, models: this.#models });
  }

  #giveUp(why: CommandError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#on.hopeless(why);
  }
}

export const noModel = (reasons: readonly string[]): CommandError =>
  new CommandError(
    'no model can be served',
    reasons.join('\n  '),
    'See what is there with: qmesh models list. Without --model the demo model is served.',
    { code: 'no_model' },
  );
