/** What a node says of a claim, to a peer that knows nothing of it yet. */
import { beforeEach, expect, it } from 'vitest';
import { Gossip } from '../../../../src/actors/scores/gossip.js';
import { ScorePeers } from '../../../../src/actors/scores/score-peers.js';
import { Word, type Gathering } from '../../../../src/actors/scores/word.js';
import type { Connection } from '../../../../src/actors/ports.js';
import { decodeScoreMessage } from '../../../../src/protocol/decode.js';
import { FrameDecoder } from '../../../../src/protocol/frame.js';
import { objectHash } from '../../../../src/protocol/signed-objects.js';
import { examine } from '../../../../src/rules/claim.js';
import { account, claimWith, network } from '../../../support/ledger-cases.js';

const claim = claimWith({});
const hash = objectHash('receipt', claim.receipt);
const examined = examine(claim, network);
if (examined.kind !== 'sound') throw new Error(examined.fault);
const gathering: Gathering = {
  hash,
  claim,
  facts: examined.facts,
  isKept: true,
  votes: new Map(),
  knownBy: new Set(),
  certifiedBy: new Set(),
  attestedBy: new Set(),
  isAttested: true,
  verdict: 'valid',
  timesJudged: 1,
  timesOffered: 1,
  expiresInMs: 1,
  run: undefined,
};

let heard: unknown[];
let isGathering: boolean;
let later: (() => void)[];
let word: Word;

beforeEach(() => {
  [heard, isGathering, later] = [[], true, []];
  const frames = new FrameDecoder();
  const connection = {
    unsentBytes: 0,
    write(bytes: Uint8Array) {
      for (const frame of frames.push(bytes)) if (frame.kind !== 'refusal') heard.push(decodeScoreMessage(frame.value));
    },
  };
  const peers = new ScorePeers();
  peers.open('peer', connection as unknown as Connection, account('stranger').publicKeyHex, true);
  const after = (_: number, fn: () => void) => (later.push(fn), () => {});
  word = new Word(new Gossip(peers, after, () => false), peers, () => isGathering);
});

it.each([
  ['of its own is told, also where it alone has certified it by then', 'tell', 1],
  ['of others is not passed on where a certificate will be', 'forward', 0],
] as const)('a claim %s', (_, how, times) => {
  word.claim(gathering, how);
  isGathering = false;
  later.forEach((fn) => fn());
  expect(heard).toHaveLength(times);
  if (times > 0)
    expect(heard).toMatchObject([{ kind: 'message', message: { type: 'score_update', receipts: [claim] } }]);
});
