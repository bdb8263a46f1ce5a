/** Anti-entropy: the tree of digests against its definition, and two nodes that speak until both have everything. */
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.js';
import { decodeScoreMessage } from '../../src/protocol/decode.js';
import { limits } from '../../src/protocol/limits.js';
import type { ScoreRequestMessage } from '../../src/protocol/score-messages.js';
import { answer, maxSendsPerRequest, openRound, type Holdings } from '../../src/rules/anti-entropy.js';
import { HashTree } from '../../src/rules/hash-tree.js';

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();
const digits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));
const hashOf = (n: number): string => sha256(`receipt ${n}`).toString('hex');

/** The definition in docs/ledger.md, word by word. */
function digestByDefinition(hashes: readonly string[], prefix: string): Buffer {
  const inside = hashes.filter((hash) => hash.startsWith(prefix)).sort();
  const parts =
    inside.length <= 16
      ? inside.map((hash) => Buffer.from(hash, 'hex'))
      : digits.map((digit) => digestByDefinition(inside, prefix + digit));
  return sha256(Buffer.concat(parts));
}

function treeOf(hashes: Iterable<string>): HashTree {
  const tree = new HashTree();
  for (const hash of hashes) tree.add(hash);
  return tree;
}

/** Hashes that share beginnings, as an attacker would choose them, so that the tree gets deep. */
const hash = fc.oneof(
  { weight: 3, arbitrary: fc.nat(1_000).map(hashOf) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('', 'a', 'abcdef', 'ab'.repeat(31)), fc.nat(1_000))
      .map(([start, n]) => (start + hashOf(n)).slice(0, 64)),
  },
);
const prefixOf = (hash: string, length: number): string => hash.slice(0, length);

describe('the tree of hashes', () => {
  it('is the same whatever was in it meanwhile', () => {
    const cases = fc.tuple(
      fc.array(hash, { maxLength: 200, size: 'max' }),
      fc.array(hash, { maxLength: 200, size: 'max' }),
    );
    fc.assert(
      fc.property(cases, ([stay, go]) => {
        const tree = treeOf([...stay, ...go]);
        const gone = new Set(go.filter((each) => !stay.includes(each)));
        for (const each of gone) {
          tree.digest(each.slice(0, 2)); // digests that are kept do not stay
          expect(tree.remove(each)).toBe(true);
          expect(tree.remove(each)).toBe(false);
        }
        const fresh = treeOf(stay);
        expect(tree.size).toBe(fresh.size);
        for (const prefix of ['', '0', 'a', 'ab', 'abcdef', ...stay.map((each) => each.slice(0, 3))]) {
          expect(tree.digest(prefix)).toBe(fresh.digest(prefix));
          expect(tree.count(prefix)).toBe(fresh.count(prefix));
          expect(tree.hashes(prefix, 20)).toEqual(fresh.hashes(prefix, 20));
        }
      }),
    );
  });

  it('gives every prefix the digest of its definition, whatever order the hashes came in', () => {
    const cases = fc.tuple(
      fc.array(hash, { maxLength: 200, size: 'max' }),
      fc.array(fc.tuple(hash, fc.nat(64)), { maxLength: 20, size: 'max' }),
    );
    fc.assert(
      fc.property(cases, ([hashes, places]) => {
        const distinct = [...new Set(hashes)];
        const tree = treeOf(hashes);
        expect(tree.size).toBe(distinct.length);
        for (const [hash, length] of [...places, ['', 0] as const]) {
          const prefix = prefixOf(hash, length);
          const inside = distinct.filter((each) => each.startsWith(prefix)).sort();
          expect(tree.digest(prefix)).toBe(digestByDefinition(distinct, prefix).toString('hex'));
          expect(tree.count(prefix)).toBe(inside.length);
          expect(tree.hashes(prefix, 7)).toEqual(inside.slice(0, 7));
          expect(tree.has(hash)).toBe(distinct.includes(hash));
        }
        for (const each of distinct) expect(tree.add(each)).toBe(false);
        expect(treeOf([...hashes].reverse()).digest('')).toBe(tree.digest(''));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its digests right while it grows', () => {
    const tree = new HashTree();
    const all: string[] = [];
    for (let n = 0; n < 300; n++) {
      all.push(hashOf(n));
      tree.add(hashOf(n));
      expect(tree.digest('')).toBe(digestByDefinition(all, '').toString('hex'));
    }
  });
});

const holding = (hashes: Iterable<string>, refused: Iterable<string> = []): Holdings => ({
  counted: treeOf(hashes),
  refused: treeOf(refused),
});

interface Traffic {
  bytes: number;
  rounds: number;
  messages: number;
  /** Certificates that arrived where they were already, or were not wanted. */
  wasted: number;
}

/** Speaks until a round brings nobody anything. Every message passes through a frame and the schemas. */
function reconcile(sides: readonly [Holdings, Holdings]): Traffic {
  const traffic: Traffic = { bytes: 0, rounds: 0, messages: 0, wasted: 0 };
  for (let gained = true; gained; traffic.rounds++) {
    gained = false;
    let speaker = traffic.rounds % 2;
    let request: ScoreRequestMessage | undefined = openRound(sides[speaker]!);
    while (request !== undefined) {
      traffic.messages++;
      traffic.bytes += encodeFrame(request).length;
      const heard = decodeScoreMessage(JSON.parse(JSON.stringify(request)) as Record<string, unknown>);
      if (heard.kind !== 'message' || heard.message.type !== 'score_request') throw new Error(JSON.stringify(heard));
      const [teller, listener] = [sides[speaker]!, sides[1 - speaker]!];
      const reply = answer(listener, heard.message);
      for (const hash of reply.send) {
        if (teller.refused.has(hash) || !teller.counted.add(hash)) traffic.wasted++;
        else gained = true;
      }
      request = reply.request;
      speaker = 1 - speaker;
    }
    if (traffic.rounds > 2_000) throw new Error('they never agree');
  }
  return traffic;
}

describe('two nodes', () => {
  it('come to the union of their sets, and send nothing that the other has', () => {
    const cases = fc.tuple(
      fc.array(hash, { maxLength: 600, size: 'max' }),
      fc.array(hash, { maxLength: 60, size: 'max' }),
      fc.array(hash, { maxLength: 60, size: 'max' }),
    );
    fc.assert(
      fc.property(cases, ([shared, left, right]) => {
        const sides = [left, right].map((own) => holding([...shared, ...own]));
        const traffic = reconcile([sides[0]!, sides[1]!]);
        const union = treeOf([...shared, ...left, ...right]);
        for (const { counted: tree } of sides) {
          expect(tree.digest('')).toBe(union.digest(''));
          expect(tree.size).toBe(union.size);
        }
        expect(traffic.wasted).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['a fresh one and a full one', 0, 5_000],
    ['two halves of a healed partition', 3_000, 3_000],
  ])('come to the union where there is much to send: %s', (_, left, right) => {
    const one = holding(range(0, left));
    const other = holding(range(10_000, 10_000 + right));
    const { rounds, bytes } = reconcile([one, other]);
    expect([one.counted.size, other.counted.size]).toEqual([left + right, left + right]);
    expect(rounds).toBeLessThan(10 + (4 * (left + right)) / maxSendsPerRequest);
    expect(bytes / (left + right)).toBeLessThan(1_000); // far less than the certificates themselves
  });

  it('take O(k log n) bytes for k differences among n', () => {
    const n = 20_000;
    const base = range(0, n);
    for (const k of [1, 8, 40]) {
      const one = holding(base);
      const other = holding([...base, ...range(n, n + k)]);
      const { bytes } = reconcile([one, other]);
      // 16 digests of some 100 bytes on each level; the last round finds nothing
      expect(bytes).toBeLessThan(400 + k * Math.log2(n) * 16 * 100);
      expect(one.counted.size).toBe(n + k);
    }
  });

  it('are not sent what their own policy refused, and come to an end all the same', () => {
    const cases = fc.tuple(
      fc.array(hash, { maxLength: 300, size: 'max' }),
      fc.array(hash, { maxLength: 40, minLength: 1, size: 'max' }),
    );
    fc.assert(
      fc.property(cases, ([shared, foreign]) => {
        const refused = new Set(foreign);
        const strict = holding(
          shared.filter((each) => !refused.has(each)),
          refused,
        );
        const other = holding([...shared, ...foreign]);
        expect(reconcile([strict, other]).wasted).toBe(0);
        expect(strict.counted.size).toBe(new Set(shared.filter((each) => !refused.has(each))).size);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a hostile request', () => {
  const holdings = holding(range(0, 4_000), range(4_000, 4_100));
  const tree = holdings.counted;
  const digest = 'f'.repeat(64);
  const prefix = fc.oneof(
    fc.constant(''),
    fc.tuple(fc.nat(4_000), fc.nat(64)).map(([n, length]) => prefixOf(hashOf(n), length)),
    fc.string({ unit: fc.constantFrom(...digits), maxLength: 64 }),
  );
  const request = fc.record({
    v: fc.constant(2 as const),
    type: fc.constant('score_request' as const),
    ranges: fc.array(fc.record({ prefix, digest: fc.constantFrom(digest, tree.digest('')) }), {
      maxLength: limits.maxRanges,
      size: 'max',
    }),
    keys: fc.array(fc.record({ prefix, hashes: fc.array(hash, { maxLength: 40, size: 'max' }) }), {
      maxLength: 200,
      size: 'max',
    }),
  });

  it('gets an answer that fits one frame and its schema, and a bounded number of certificates', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { request: reply, send } = answer(holdings, asked);
        expect(send.length).toBeLessThanOrEqual(maxSendsPerRequest);
        if (reply === undefined) return;
        expect(decodeScoreMessage(JSON.parse(JSON.stringify(reply)) as Record<string, unknown>).kind).toBe('message');
        expect(encodeFrame(reply).length).toBeLessThanOrEqual(limits.maxFrameBytes);
      }),
      { numRuns: 60 },
    );
  });

  it('that is as large as it can be is answered within a frame', () => {
    const prefixes = Array.from({ length: limits.maxRanges }, (_, n) => n.toString(16).padStart(3, '0'));
    const full = holding(prefixes.flatMap((prefix) => range(0, 16).map((hash) => prefix + hash.slice(3))));
    const ranges = prefixes.map((prefix) => ({ prefix, digest }));
    const keys = prefixes.map((prefix) => ({ prefix, hashes: range(20, 28).map((hash) => prefix + hash.slice(3)) }));
    for (const asked of [{ ranges }, { ranges: [], keys }, { ranges, keys }]) {
      const { request: reply } = answer(full, { v: 2, type: 'score_request', ...asked });
      expect(encodeFrame(reply!).length).toBeLessThanOrEqual(limits.maxFrameBytes);
    }
  });
});

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => hashOf(from + n));
}
