/** A connection on the score network: who may speak there, and what becomes of those who say what no honest node says. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createScorePeer } from '../../../src/actors/score-peer.actor.js';
import { scoreDeps, type ScoreDeps } from '../../../src/actors/score.tree.js';
import { Ledger } from '../../../src/actors/scores/ledger.js';
import { names } from '../../../src/actors/names.js';
import type { Connection, ConnectionEvents } from '../../../src/actors/ports.js';
import { noStore } from '../../../src/actors/scores/no-store.js';
import { checksHere } from '../../../src/actors/scores/checks.js';
import { encodeFrame } from '../../../src/protocol/frame.js';
import { createHello, verifyHello } from '../../../src/protocol/hello.js';
import type { HelloMessage } from '../../../src/protocol/messages.js';
import { guardedCallback } from '../../../src/runtime/guarded-callback.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { startTree } from '../../../src/runtime/start-tree.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { account, network } from '../../support/ledger-cases.js';

const scores = 'qmesh-scores-v2';
const far = account('the far end of the line');
const stranger = account('a stranger');

class Line implements Connection {
  readonly initiator = true;
  readonly remoteKey = far.publicKeyHex;
  readonly remoteAddress = undefined;
  readonly unsentBytes = 0;
  readonly written: Record<string, unknown>[] = [];
  isGone = false;
  say: (message: object | Uint8Array) => void = () => {};
  write(bytes: Uint8Array): void {
    this.written.push(JSON.parse(Buffer.from(bytes.subarray(4)).toString()) as Record<string, unknown>);
  }
  destroy(): void {
    this.isGone = true;
  }
  end(): void {
    this.isGone = true;
  }
  listen(on: ConnectionEvents): void {
    this.say = (message) => on.data(message instanceof Uint8Array ? message : encodeFrame(message));
  }
}

let clock: VirtualClock;
let line: Line;
let deps: ScoreDeps;
let heard: Record<string, unknown>[];
let struck: string[];
let banned: Set<string>;

beforeEach(() => {
  clock = new VirtualClock();
  line = new Line();
  heard = [];
  struck = [];
  banned = new Set();
  deps = scoreDeps({
    clock,
    random: seededRandom(1),
    log: nullLogger,
    identity: account('this node'),
    ledger: new Ledger(noStore, { openFrom: 0, sums: [], holders: [], entries: [] }),
    policy: { validators: 'seen' },
    networkPrefix: '',
    maxConnections: 4,
    scoreRole: 'worker',
    scoreKeySeed: Buffer.alloc(32, 5),
    checks: checksHere(network),
    conduct: { isBanned: (node) => banned.has(node), strike: (node, what) => void struck.push(`${node} ${what}`) },
  });
  const consensus = guardedCallback(({ receive }) => receive((event) => void heard.push(event)));
  const logic = createScorePeer(deps, 'p/1', line, () => {});
  startTree(
    {
      id: 'root',
      strategy: 'one-for-one',
      children: [
        { id: names.consensus, logic: consensus },
        { id: names.scorePeer(0), logic, restart: 'temporary' },
      ],
    },
    { clock, random: seededRandom(1) },
  );
});

const hello = (changes: Partial<HelloMessage> = {}): HelloMessage => ({
  ...createHello({ network: scores, key: far.publicKeyHex }, stranger),
  ...changes,
});
const request = { v: 2, type: 'score_request', ranges: [{ prefix: '', digest: '0'.repeat(64) }] };

describe('a connection on the score network', () => {
  it('begins with the hello of this node, for this connection', () => {
    const [first] = line.written;
    const key = deps.scoreKey;
    expect(verifyHello(first as HelloMessage, { network: scores, key })).toBe(true);
    expect(first?.node).toBe(account('this node').publicKeyHex);
  });

  it('is open once the other end has proven who it is, and what it says is passed on', () => {
    line.say(hello());
    expect(deps.scorePeers.workers()).toEqual(new Map([[stranger.publicKeyHex, 'unasked']]));
    line.say(request);
    expect(heard.map(({ type }) => type)).toEqual(['score.opened', 'score.heard']);
    expect(line.isGone).toBe(false);
  });

  it('of one that only looks up is no worker’s', () => {
    line.say(hello({ role: 'client' }));
    expect(deps.scorePeers.size).toBe(1);
    expect(deps.scorePeers.workers().size).toBe(0);
  });

  it.each<readonly [what: string, message: () => object]>([
    ['anything before a hello', () => request],
    ['an unknown type before a hello', () => ({ v: 2, type: 'score_later' })],
    [
      'a hello for another network',
      () => createHello({ network: 'qmesh-inference-v2', key: far.publicKeyHex }, stranger),
    ],
    ['a hello for another connection', () => createHello({ network: scores, key: deps.scoreKey }, stranger)],
    ['a hello in the name of another', () => hello({ node: account('another').publicKeyHex })],
  ])('ends with %s', (_, message) => {
    line.say(message());
    expect(line.isGone).toBe(true);
    expect(deps.scorePeers.size).toBe(0);
    expect(heard).toEqual([]);
  });

  it('ends with one who is banned here', () => {
    banned.add(stranger.publicKeyHex);
    line.say(hello());
    expect(line.isGone).toBe(true);
  });

  it('ends when no hello comes', () => {
    clock.advance(10_001);
    expect(line.isGone).toBe(true);
  });

  it('goes on after a type that is not known yet, and after a message that does not fit', () => {
    line.say(hello());
    line.say({ v: 2, type: 'score_later', anything: 1 });
    line.say({ v: 2, type: 'score_verify', attestations: [{ receipt: 'nothing' }] });
    line.say({ v: 2, type: 'score_update', receipts: Array(257).fill({}), certificates: [] });
    expect(line.isGone).toBe(false);
    expect(heard.map(({ type }) => type)).toEqual(['score.opened']);
  });

  it('ends with what is no frame, and that is held against the node', () => {
    line.say(hello());
    line.say(Buffer.from([0, 0, 0, 0]));
    expect(line.isGone).toBe(true);
    expect(struck).toEqual([`${stranger.publicKeyHex} malformed_frame`]);
  });
});
