/**
 * Which model suits a machine best: the largest that fits and answers about as fast as people read. The speed is
 * estimated from the file's size: every token requires reading all weights, so memory bandwidth is the limit.
 *
 * Invariants: a recommended model fits memory and disk; of those that fit and are fast enough, none is larger.
 */
import { graphicsShare, type MachineFacts } from './choose.js';
import { inGb } from './gigabytes.js';
import { spareDiskBytes } from './model-fetch.js';

export interface Candidate {
  readonly name: string;
  readonly bytes: number;
  /** Memory to serve it. */
  readonly memoryBytes: number;
  /** Its file is already on this machine. */
  readonly isHere: boolean;
}

export interface Place extends MachineFacts {
  readonly freeDiskBytes: number;
  /** Memory of a graphics card that llama.cpp can use; 0 without one. */
  readonly graphicsBytes: number;
}

export interface Ranked<Model extends Candidate = Candidate> {
  readonly model: Model;
  readonly fit: 'good' | 'slow' | 'none';
  /** Estimated speed of one answer; undefined on a graphics card, which is assumed to be fast. */
  readonly tokensPerSecond: number | undefined;
  /** The reason, in words. */
  readonly why: string;
}

/** Measured on two cores of a common server, with 0.5 to 1 billion parameters: 42 tokens a second at 235 MB. */
const bytesPerSecondOfCore = 5e9;
/** The limit of two memory channels, however many cores read. */
const bytesPerSecondOfMemory = 40e9;
/** A little slower than people read. */
export const pleasantTokensPerSecond = 6;
/** Kept for the owner's programs: a quarter of the memory, at least this. */
const ownersBytes = 2e9;

/** Memory that may be lent, whatever happens to be free at the moment. */
export const lendableBytes = ({ memoryBytes }: MachineFacts): number =>
  Math.max(0, memoryBytes - Math.max(ownersBytes, memoryBytes / 4));

/** Best first: the one to take, if its fit is good or nothing is better; then the others in order. */
export function rankModels<Model extends Candidate>(models: readonly Model[], place: Place): readonly Ranked<Model>[] {
  const fits = { good: 0, slow: 1, none: 2 };
  return models
    .map((model) => rank(model, place))
    .sort((a, b) => {
      if (a.fit !== b.fit) return fits[a.fit] - fits[b.fit];
      return a.fit === 'good' ? b.model.bytes - a.model.bytes : a.model.bytes - b.model.bytes;
    });
}

function rank<Model extends Candidate>(model: Model, place: Place): Ranked<Model> {
  const none = (why: string): Ranked<Model> => ({ model, fit: 'none', tokensPerSecond: undefined, why });
  const missing = model.isHere ? 0 : model.bytes + spareDiskBytes - place.freeDiskBytes;
  if (missing > 0) return none(`the disk lacks ${inGb(missing)} for it`);
  if (model.memoryBytes <= place.graphicsBytes * graphicsShare)
    return {
      model,
      fit: 'good',
      tokensPerSecond: undefined,
      why: `fits the graphics card, with ${inGb(model.memoryBytes)} of ${inGb(place.graphicsBytes)}`,
    };
  const lendable = lendableBytes(place);
  if (model.memoryBytes > lendable)
    return none(`takes ${inGb(model.memoryBytes)} of memory, and ${inGb(lendable)} can be lent`);
  const perSecond = Math.min(place.cores * bytesPerSecondOfCore, bytesPerSecondOfMemory);
  const tokensPerSecond = perSecond / model.bytes;
  const isQuick = tokensPerSecond >= pleasantTokensPerSecond;
  return {
    model,
    fit: isQuick ? 'good' : 'slow',
    tokensPerSecond,
    why: `about ${inTokens(tokensPerSecond)} tokens a second`,
  };
}

const inTokens = (perSecond: number): string => (perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0));
