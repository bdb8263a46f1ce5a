/**
 * Anti-entropy: how two nodes find what the other lacks. They compare digests of ranges of hashes, from the whole set down to ranges
 * of at most 16 hashes, which are listed. k differences among n cost O(k log n) bytes. One message in, at most one message and a
 * list of hashes out: there is no session and no state between messages, so nonsense from a peer has no further effect. What does
 * not fit an answer is left out; a side that gained something by a round begins another one.
 *
 * Invariants: two honest sets converge to their union; an answer is bounded, whatever was asked.
 */
import { limits } from '../protocol/limits.js';
import type { HashKeys, HashRange, ScoreRequestMessage } from '../protocol/score-messages.js';
import type { HashTree } from './hash-tree.js';

/** Certificates sent in answer to one message. The next round finds the rest. */
export const maxSendsPerRequest = limits.maxScoreItems;

/** Hashes in one message. Together with the most prefixes and digests that it may have, they fit a frame. */
export const maxHashesPerReply = 8_192;

export interface Reply {
  /** What to send back; undefined if nothing is left to compare. */
  readonly request: ScoreRequestMessage | undefined;
  /** Certificates that the other side lacks. */
  readonly send: readonly string[];
}

/**
 * What this node holds, and what it does not want: hashes whose certificates its own policy refused. It names those as if it held
 * them, so that nobody sends them again.
 */
export interface Holdings {
  readonly counted: HashTree;
  readonly refused: HashTree;
}

/** The first message of a round. */
export const openRound = ({ counted }: Holdings): ScoreRequestMessage => requestOf([rangeOf(counted, '')], []);

export function answer(holdings: Holdings, { ranges, keys = [] }: ScoreRequestMessage): Reply {
  const { counted: tree } = holdings;
  const send = new Set<string>();
  const wishes: HashKeys[] = [];
  for (const theirs of keys) {
    const sent = lackingIn(tree, theirs, maxSendsPerRequest - send.size);
    for (const hash of sent) send.add(hash);
    wishes.push(...wishFor(holdings, theirs, sent));
  }
  const differing = ranges.filter(({ prefix, digest }) => digest !== tree.digest(prefix));
  const isSmall = ({ prefix }: HashRange): boolean => tree.count(prefix) <= limits.maxRangeHashes;
  const large = differing.filter((range) => !isSmall(range)).slice(0, limits.maxRanges / childDigits.length);
  const told = withinReply([...wishes, ...differing.filter(isSmall).map(({ prefix }) => keysOf(holdings, prefix))]);
  const asked = large.flatMap(({ prefix }) => childDigits.map((digit) => rangeOf(tree, prefix + digit)));
  return { request: asked.length + told.length > 0 ? requestOf(asked, told) : undefined, send: [...send] };
}

const childDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** What this node holds under the prefix and is not in their list. */
function lackingIn(tree: HashTree, { prefix, hashes }: HashKeys, atMost: number): string[] {
  if (atMost <= 0) return [];
  const theirs = new Set(hashes);
  return tree
    .hashes(prefix, atMost + theirs.size)
    .filter((hash) => !theirs.has(hash))
    .slice(0, atMost);
}

/**
 * A list for the same prefix that leaves out exactly the hashes this node wants, so that they send those. It includes what is being
 * sent to them right now, so they ask for nothing in return and the exchange ends.
 */
function wishFor({ counted, refused }: Holdings, { prefix, hashes }: HashKeys, sent: readonly string[]): HashKeys[] {
  const has = (hash: string): boolean => !hash.startsWith(prefix) || counted.has(hash) || refused.has(hash);
  return hashes.every(has) ? [] : [{ prefix, hashes: [...hashes.filter(has), ...sent] }];
}

function keysOf({ counted, refused }: Holdings, prefix: string): HashKeys {
  const held = counted.hashes(prefix, limits.maxRangeHashes);
  return { prefix, hashes: [...held, ...refused.hashes(prefix, limits.maxHashesPerKeys - held.length)] };
}

/** As many of the lists as fit one frame. */
function withinReply(lists: readonly HashKeys[]): HashKeys[] {
  let hashes = 0;
  return lists
    .filter((list) => list.hashes.length <= limits.maxHashesPerKeys)
    .slice(0, limits.maxRanges)
    .filter((list) => (hashes += list.hashes.length) <= maxHashesPerReply);
}

const rangeOf = (tree: HashTree, prefix: string): HashRange => ({ prefix, digest: tree.digest(prefix) });

const requestOf = (ranges: HashRange[], keys: HashKeys[]): ScoreRequestMessage => ({
  v: 2,
  type: 'score_request',
  ranges,
  ...(keys.length > 0 ? { keys } : {}),
});
