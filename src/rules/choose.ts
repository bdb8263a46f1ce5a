/**
 * How a machine is used for a model unless its owner says otherwise: how many requests at a time, how long they may be,
 * and on how many threads. Each choice comes with its reason in words, for `qmesh doctor` and the log.
 *
 * Invariants: settings are taken as given; a choice fits the free memory, and its contexts take at most half of that;
 * more free memory never gives less; something is chosen whenever a single short request would fit.
 */
import { inGb } from './gigabytes.js';
import { reservedSequences } from './slots.js';

/** The facts about a machine that matter here. */
export interface MachineFacts {
  /** Cores this program may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** What programs could still allocate. */
  readonly freeMemoryBytes: number;
}

/** Memory of a model: a fixed part and its key-value cache. */
export interface ModelShape {
  readonly fixedBytes: number;
  /** Cache per token of one sequence. */
  readonly bytesPerToken: number;
  /** Context it was trained on; undefined if its file does not say. */
  readonly trainedTokens: number | undefined;
}

/** The owner's settings. */
export interface Wishes {
  readonly contextSize?: number | undefined;
  readonly slots?: number | undefined;
}

export interface Layout {
  readonly contextSize: number;
  readonly slots: number;
  /** Estimated total. */
  readonly memoryBytes: number;
  readonly why: { readonly contextSize: string; readonly slots: string };
}

/** Measured on two cores: four streams give almost twice the tokens of one, eight hardly more than four. */
export const usualSlots = 4;
/** Enough for a long conversation. */
export const usualContextSize = 4_096;
/** With plentiful memory: a document beside the conversation. Prompts beyond this take minutes on a CPU. */
const amplyContextSize = 8_192;
/** Enough for a question and its answer. Before contexts get smaller than this, there are fewer slots. */
const goodContextSize = 2_048;
const leastContextSize = 256;
/** Share of the free memory that all contexts together may take, usually and when they exceed the usual size. */
const contextShare = 1 / 2;
const ampleShare = 1 / 8;

/** @returns the problem, if even the smallest layout does not fit */
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

/**
 * From the largest plan to the smallest: contexts shrink to a good size, then slots go, then contexts shrink further.
 */
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

/** Share of a graphics card's memory a model may take: llama.cpp needs some to compute in, and the screen some. */
export const graphicsShare = 0.9;

/** Roughly how many of a model's layers a graphics card can hold. llama.cpp decides when it loads the model. */
export const layersThatFit = (memoryBytes: number, layers: number, freeGraphicsBytes: number): number =>
  Math.floor(layers * Math.min(1, (freeGraphicsBytes * graphicsShare) / memoryBytes));
