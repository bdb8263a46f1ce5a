/**
 * How a machine is used for a model, where its owner has not said: how many requests at a time, how long they may be, on how many threads.
 * A choice carries its reason in words, for `qmesh doctor` and the log.
 *
 * Invariants: what is set is taken as it is; what is chosen fits the memory that is free, and leaves half of that to everything but
 * the contexts; more free memory never gives less; where one short request at a time would fit, something is chosen.
 */
import { reservedSequences } from './slots.js';

/** A machine as far as it decides anything. */
export interface MachineFacts {
  /** Those that this program may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** What programs could have now. */
  readonly freeMemoryBytes: number;
}

/** What a model takes: a part that is always the same, and its key-value cache. */
export interface ModelShape {
  readonly fixedBytes: number;
  /** Of the cache, for one token of one sequence. */
  readonly bytesPerToken: number;
  /** Tokens that it was trained to see; undefined where its file does not say. */
  readonly trainedTokens: number | undefined;
}

/** What the owner has set. */
export interface Wishes {
  readonly contextSize?: number | undefined;
  readonly slots?: number | undefined;
}

export interface Layout {
  readonly contextSize: number;
  readonly slots: number;
  /** Of everything, as estimated. */
  readonly memoryBytes: number;
  readonly why: { readonly contextSize: string; readonly slots: string };
}

/** Measured on two cores: four streams bring almost twice the tokens of one, eight hardly more than four. */
export const usualSlots = 4;
/** Enough for a long conversation. */
export const usualContextSize = 4_096;
/** Where memory is plentiful: a document beside the conversation. Prompts beyond it take minutes on a processor. */
const amplyContextSize = 8_192;
/** Contexts this small hold a question and its answer. Before they get smaller, there are fewer slots. */
const goodContextSize = 2_048;
const leastContextSize = 256;
/** Of the free memory, what all contexts together may take; and what they may take where more than the usual is given. */
const contextShare = 1 / 2;
const ampleShare = 1 / 8;

/** @returns why there is none, where even the least does not fit. */
export function chooseLayout(machine: MachineFacts, shape: ModelShape, wishes: Wishes): Layout | { problem: string } {
  const plans = [...plansFor(shape, wishes)];
  const free = machine.freeMemoryBytes;
  for (const plan of plans) {
    const cacheBytes = cacheOf(shape, plan);
    const share = plan.contextSize > usualContextSize ? ampleShare : contextShare;
    const isModest = wishes.contextSize !== undefined || cacheBytes <= free * share;
    const memoryBytes = Math.ceil(shape.fixedBytes + cacheBytes);
    if (memoryBytes <= free && isModest) return { ...plan, memoryBytes, why: why(plan, shape, wishes) };
  }
  const least = plans.at(-1) ?? { contextSize: leastContextSize, slots: 1 };
  return {
    problem:
      `it needs about ${inGb(shape.fixedBytes + cacheOf(shape, least))} of memory with ${least.slots} ` +
      `${least.slots === 1 ? 'slot' : 'slots'} of ${least.contextSize} tokens, and ${inGb(free)} are free; ` +
      'close other programs, lower --slots or --context, or take a smaller model',
  };
}

interface Plan {
  readonly contextSize: number;
  readonly slots: number;
}

/** From the most that is ever chosen to the least: contexts shrink to what is good, then slots go, then contexts shrink on. */
function* plansFor({ trainedTokens = usualContextSize }: ModelShape, wishes: Wishes): Generator<Plan> {
  const sizes = [amplyContextSize, usualContextSize, goodContextSize, 1_024, 512, leastContextSize];
  const possible =
    wishes.contextSize === undefined
      ? [...new Set(sizes.map((size) => Math.min(size, Math.max(1, trainedTokens))))]
      : [wishes.contextSize];
  const good = possible.find((size) => size <= goodContextSize) ?? possible.at(-1) ?? goodContextSize;
  const slots = wishes.slots ?? usualSlots;
  const fewest = wishes.slots ?? 1;
  for (const contextSize of possible.filter((size) => size > good)) yield { contextSize, slots };
  for (let fewer = slots; fewer > fewest; fewer--) yield { contextSize: good, slots: fewer };
  for (const contextSize of possible.filter((size) => size <= good)) yield { contextSize, slots: fewest };
}

const cacheOf = ({ bytesPerToken }: ModelShape, { contextSize, slots }: Plan): number =>
  bytesPerToken * contextSize * (slots + reservedSequences);

function why({ contextSize, slots }: Plan, { trainedTokens }: ModelShape, wishes: Wishes): Layout['why'] {
  const usual = Math.min(trainedTokens ?? usualContextSize, usualContextSize);
  return {
    contextSize:
      wishes.contextSize !== undefined
        ? 'as set'
        : contextSize === trainedTokens
          ? 'all that the model was trained for'
          : contextSize > usual
            ? 'more than the usual 4,096, since memory is plentiful'
            : contextSize === usual
              ? 'the usual length of a conversation'
              : 'shorter than usual, to fit the memory that is free',
    slots:
      wishes.slots !== undefined
        ? 'as set'
        : slots === usualSlots
          ? 'more at a time hardly bring more tokens a second'
          : 'fewer than usual, to fit the memory that is free',
  };
}

/** The share of a graphics card's memory that a model may take: llama.cpp needs some to compute in, and the screen some. */
export const graphicsShare = 0.9;

/** How many of a model's layers a graphics card has room for, about: llama.cpp itself decides, when it loads the model. */
export const layersThatFit = (memoryBytes: number, layers: number, freeGraphicsBytes: number): number =>
  Math.floor(layers * Math.min(1, (freeGraphicsBytes * graphicsShare) / memoryBytes));

const inGb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
