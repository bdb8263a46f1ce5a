/**
 * The samplers of one context: one per slot, for the life of the engine. Each holds a candidate for every token of the
 * vocabulary (1.8 MB for 150,000 tokens) in memory that V8 does not account for. With one per run, finished ones stayed until
 * V8 happened to collect them, and the engine grew with each answer.
 */
import { greedyConfig, type NativeSampler } from './native.js';

export class Samplers {
  readonly #make: () => NativeSampler;
  readonly #picking = new Map<number, NativeSampler>();
  readonly #weighing = new Map<number, NativeSampler>();

  constructor(make: () => NativeSampler) {
    this.#make = make;
  }

  /** For the tokens of the slot's next run. It is reset: neither the previous run's generator nor its grammar is left. */
  picking(slot: number): NativeSampler {
    return this.#fresh(this.#picking, slot);
  }

  /** For finding the likeliest token, whatever the run's own sampling. */
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
