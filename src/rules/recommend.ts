/**
 * Which model fits a machine best: the largest that it has room for, and that answers about as fast as people read. How fast is estimated from the
 * size of the file: each token takes a reading of all weights, so the speed of the memory decides.
 *
 * Invariants: what is recommended has room in memory and on the disk; of what fits and is quick enough, nothing is larger.
 */
import { graphicsShare, type MachineFacts } from './choose.js';
import { spareDiskBytes } from './model-fetch.js';

export interface Candidate {
  readonly name: string;
  readonly bytes: number;
  /** To serve it. */
  readonly memoryBytes: number;
  /** Its file is on this machine already. */
  readonly isHere: boolean;
}

export interface Place extends MachineFacts {
  readonly freeDiskBytes: number;
  /** Of the graphics card that llama.cpp can use; 0 without one. */
  readonly graphicsBytes: number;
}

export interface Ranked<Model extends Candidate = Candidate> {
  readonly model: Model;
  readonly fit: 'good' | 'slow' | 'none';
  /** Of one answer, as estimated; undefined on a graphics card, where it is quick. */
  readonly tokensPerSecond: number | undefined;
  /** In words. */
  readonly why: string;
}

/** Seen on the two cores of a common server, with 0.5 to 1 billion parameters: 42 tokens a second of 235 MB. */
const bytesPerSecondOfCore = 5e9;
/** Two channels of memory bring no more, however many cores ask. */
const bytesPerSecondOfMemory = 40e9;
/** A little slower than people read. */
export const pleasantTokensPerSecond = 6;
/** What a machine keeps for its owner's programs: a quarter, at least this. */
const ownersBytes = 2e9;

/** What may be lent of the memory, whatever happens to be free just now. */
export const lendableBytes = ({ memoryBytes }: MachineFacts): number =>
  Math.max(0, memoryBytes - Math.max(ownersBytes, memoryBytes / 4));

/** Best first: the one to take, if its fit is good or there is none better; then the others by how well they would do. */
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
const inGb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
