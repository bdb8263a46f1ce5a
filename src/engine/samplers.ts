/**
 * The samplers of one context: one for each slot, as long as the engine lives. Each holds a candidate for every token of the
 * vocabulary, 1.8 MB where there are 150,000, in memory that V8 does not see: those of runs that were over used to stay until it
 * happened to collect them, and an engine grew by one with each answer.
 */
import { greedyConfig, type NativeSampler } from './native.js';

export class Samplers {
  readonly #make: () => NativeSampler;
  readonly #picking = new Map<number, NativeSampler>();
  readonly #weighing = new Map<number, NativeSampler>();

  constructor(make: () => NativeSampler) {
    this.#make = make;
  }

  /** Picks the tokens of the slot's next run. Nothing of the run before is left in it: neither its numbers nor its grammar. */
  picking(slot: number): NativeSampler {
    return this.#fresh(this.#picking, slot);
  }

  /** Tells what the likeliest token is, whatever the run picks by. */
  weighing(slot: number): NativeSampler {
    return this.#fresh(this.#weighing, slot);
  }

  dispose(): void {
    for (const made of [this.#picking, this.#weighing]) {
      for (const sampler of made.values()) sampler.dispose();
      made.clear();
    }
  }

  #fresh(made: Map<number, NativeSampler>, slot: number): NativeSampler {
    const sampler = made.get(slot) ?? this.#make();
    made.set(slot, sampler);
    sampler.applyConfig(greedyConfig);
    return sampler;
  }
}
