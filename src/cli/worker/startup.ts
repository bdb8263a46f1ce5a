/**
 * How a starting worker becomes useful, or turns out never to. It is up once it is in its mesh and one of its models is loaded; the
 * others are waited for a little, so that who starts a worker with several models can ask for each of them once it says that it is ready.
 * It is hopeless once its DHT node cannot be opened, or every model is refused: its user is there to mend that, and a
 * supervisor cannot. One of the two is said, once; what fails later is left to the supervisors.
 */
import type { DhtInfo } from '../../actors/dht.actor.js';
import type { Clock } from '../../runtime/clock.js';
import { CommandError } from '../failure.js';

export interface StartupEvents {
  up(state: { readonly bootstrap: string; readonly models: readonly string[] }): void;
  hopeless(why: CommandError): void;
}

/** From the first model to the others. One that is fetched or hashed first may take hours. */
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

  /** @param wanted how many models are to be served. */
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

  /** @param models the names of all that can be asked for by now, the one that was just loaded among them. */
  loaded(models: readonly string[]): void {
    this.#hasLoaded = true;
    this.offered(models);
  }

  /** @param models the names of all that can be asked for by now, whether they are in memory or not. */
  offered(models: readonly string[]): void {
    this.#models = models;
    this.#look();
  }

  /** @param place of the model in the list of those wanted. */
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
