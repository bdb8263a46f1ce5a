/** What a peer that knows nothing of a claim yet is told about it. */
import { beforeEach, expect, it } from 'vitest';
import { Gossip } from '../../../../src/actors/scores/gossip.js';
import { ScorePeers } from '../../../../src/actors/scores/score-peers.js';
import { Announcer } from '../../../../src/actors/scores/announcer.js';
import type { PendingClaim } from '../../../../src/actors/scores/pending-claims.js';
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
const pendingClaim: PendingClaim = {
  hash,
  claim,
  facts: examined.facts,
  isStored: true,
  attestations: new Map(),
  holders: new Set(),
  certificateHolders: new Set(),
  attesters: new Set(),
  isAttested: true,
  verdict: 'valid',
  timesJudged: 1,
  timesAnnounced: 1,
  expiresInMs: 1,
  run: undefined,
};

let heard: unknown[];
let isPending: boolean;
let later: (() => void)[];
let announcer: Announcer;

beforeEach(() => {
  [heard, isPending, later] = [[], true, []];
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
  announcer = new Announcer(new Gossip(peers, { isBusy: false }, after), peers, { has: () => isPending });
});

it.each([
  ['of its own is told, also where it alone has certified it by then', 'announce', 1],
  ['of others is not passed on where a certificate will be', 'relay', 0],
] as const)('a claim %s', (_, manner, times) => {
  announcer.claim(pendingClaim, manner);
  isPending = false;
  later.forEach((fn) => fn());
  expect(heard).toHaveLength(times);
  if (times > 0)
    expect(heard).toMatchObject([{ kind: 'message', message: { type: 'score_update', receipts: [claim] } }]);
});
