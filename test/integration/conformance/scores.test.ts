/**
 * A stranger on the score network of a real worker: it is one of the two validators that the worker names, and says what the pages
 * say, and what they forbid. Nothing of src/. About 15 s.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ackOf,
  attestationOf,
  claimOf,
  digestOf,
  hexDigits,
  receiptHash,
  receiptOf,
  scoreTopic,
  type ScorePeer,
  sha256,
  type Claim,
} from './score-wire.js';
import { ScoreWorker } from './score-worker.js';
import { Account, frameOfBytes, isSignedBy, type Message, type Signable, type WireClient } from './wire-client.js';

/** Of smallest order: without a check for that, the signature that `weakSignature` is holds for every text. */
const weakKey = `01${'00'.repeat(31)}`;
const weakSignature = `01${'00'.repeat(63)}`;
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;

let worker: ScoreWorker;
/** Of the mesh. */
let validator: Account;
beforeAll(async () => {
  worker = await ScoreWorker.start();
  ({ validator } = worker);
  return () => worker.dialled.stop();
});
afterEach(() => worker.dialled.closeClients());

const dial = (account: Account, role?: 'client') => worker.dial(account, role);
const certify = (peer: ScorePeer, claims: readonly Claim[]) => worker.certify(peer, claims);
/** The worker's word, also where it did not give it. */
const attestedByBoth = (hash: string) => [worker.account, validator].map((each) => attestationOf(each, hash));
const newClaims = (many: number): Claim[] => Array.from({ length: many }, () => claimOf(new Account(), new Account()));

describe('the first frame', () => {
  it("of the worker is a hello that proves whose end it is, by another key than the identity's", async () => {
    const wire = await worker.dialled.mesh.dial(worker.scoreKey);
    const hello = wire.received[0]!.message;
    expect(hello).toEqual({
      v: 2,
      type: 'hello',
      node: worker.account.node,
      key: worker.scoreKey,
      signature: expect.any(String),
    });
    const { node, key, signature } = hello as Record<string, string>;
    expect(
      isSignedBy(worker.account.node, 'hello', { network: scoreTopic, node: node!, key: key!, signature: signature! }),
    ).toBe(true);
    expect(worker.scoreKey).not.toBe(worker.account.node);
  });

  const us = new Account();
  const signed = (wire: WireClient, changes: object = {}) => ({ ...us.hello(wire.key, scoreTopic), ...changes });
  it.each<[string, (wire: WireClient) => object]>([
    ['is a request', () => ({ v: 2, type: 'score_request', ranges: [] })],
    ['is a claim', () => ({ v: 2, type: 'score_update', receipts: newClaims(1), certificates: [] })],
    ['is of a later version', () => ({ v: 2, type: 'score_greeting' })],
    ['is a hello that fits no schema', (wire) => signed(wire, { key: 5 })],
    ['is signed by another', (wire) => signed(wire, { node: new Account().node })],
    ['is signed for the inference network', (wire) => us.hello(wire.key)],
    ['is signed for another mesh', (wire) => us.hello(wire.key, `acme/${scoreTopic}`)],
    ['is signed for another connection', () => us.hello(randomBytes(32).toString('hex'), scoreTopic)],
    ['is signed with S beyond L', (wire) => signed(wire, { signature: beyond((signed(wire) as Signable).signature) })],
    ['is of a key of small order', (wire) => signed(wire, { node: weakKey, signature: weakSignature })],
  ])('that %s ends the connection', async (_, frame) => {
    const wire = await worker.dialled.mesh.dial(worker.scoreKey);
    wire.send(frame(wire));
    await wire.closed;
    expect(wire.received.every(({ message }) => message.type === 'hello')).toBe(true);
  });
});

/** The same number modulo L, and so the same point: whoever takes it takes two signatures for one. */
function beyond(signature: unknown): string {
  const bytes = Buffer.from(String(signature), 'hex');
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + groupOrder;
  const made = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([bytes.subarray(0, 32), made]).toString('hex');
}

describe('a claim', () => {
  it('is attested by the worker, passed on, and counted once both validators attested it', async () => {
    const [peer, other] = await Promise.all([dial(validator), dial(new Account())]);
    const claim = claimOf(new Account(), new Account());
    const hash = receiptHash(claim);
    peer.update({ receipts: [claim] });
    const attestation = await peer.attestation(hash);
    const { at, signature: _, ...said } = attestation;
    expect(said).toEqual({ receipt: hash, validator: worker.account.node, verdict: 'valid' });
    expect(Math.abs(Date.now() - (at as number))).toBeLessThan(10_000);
    expect(isSignedBy(worker.account.node, 'attestation', attestation)).toBe(true);
    expect(await other.claim(hash)).toEqual(claim);
    expect(await peer.counted('')).toEqual([]);

    const own = attestationOf(validator, hash);
    peer.verify([own]);
    await expect.poll(() => peer.counted(''), { timeout: 10_000 }).toEqual([hash]);
    worker.counted.push(hash);
    const [certificate] = await other.certificates('', []);
    expect(certificate).toEqual({ ...claim, attestations: expect.arrayContaining([attestation, own]) });
    expect(certificate!.attestations).toHaveLength(2);

    // Who puts it forward once more, having lost the answer, is given the same one.
    const late = await dial(new Account());
    late.update({ receipts: [claim] });
    expect(await late.attestation(hash)).toEqual(attestation);
  });

  it('is passed on once, and to nobody who has it', async () => {
    const [peer, other] = await Promise.all([dial(validator), dial(new Account())]);
    const claim = claimOf(new Account(), new Account());
    await other.certificates(worker.counted[0]!, []); // it has been met
    for (let n = 0; n < 3; n++) peer.update({ receipts: [claim] });
    await other.claim(receiptHash(claim));
    await certify(peer, [claim]);
    const timesHeard = ({ wire }: ScorePeer): number =>
      wire.received
        .flatMap(({ message }) => (message.type === 'score_update' ? (message.receipts as Claim[]) : []))
        .filter((each) => receiptHash(each) === receiptHash(claim)).length;
    expect([timesHeard(other), timesHeard(peer)]).toEqual([1, 0]);
  });

  it('of a request that pays is attested as far as the balance covers it, and later once more is there', async () => {
    const peer = await dial(validator);
    const payer = new Account();
    await certify(peer, [claimOf(payer, new Account())]); // 6,265 for the request, and 5,000 for the first one
    const paid = () => claimOf(new Account(), payer, { order: { maxPrice: 6_000 } });
    const [first, second] = [paid(), paid()];
    const from = peer.now;
    peer.update({ receipts: [first, second] });
    await peer.attestation(receiptHash(first));
    const later = claimOf(new Account(), new Account());
    peer.update({ receipts: [later] });
    await peer.attestation(receiptHash(later), from);
    expect(saidValid(peer, from)).not.toContain(receiptHash(second)); // 11,265 cover 6,000 once
    await certify(peer, [claimOf(payer, new Account())]); // 6,265 more
    await peer.attestation(receiptHash(second), from);
    for (const claim of [first, later, second]) {
      peer.verify([attestationOf(validator, receiptHash(claim))]);
      await expect.poll(() => peer.counted(receiptHash(claim)), { timeout: 10_000 }).not.toEqual([]);
      worker.counted.push(receiptHash(claim));
    }
  });
});

/** Receipts that the worker has called valid since frame `from`, each once. */
const saidValid = ({ wire }: ScorePeer, from = 0): string[] =>
  wire.received
    .slice(from)
    .flatMap(({ message }) => (message.type === 'score_verify' ? (message.attestations as Signable[]) : []))
    .filter(({ verdict }) => verdict === 'valid')
    .map(({ receipt }) => receipt as string)
    .filter((receipt, at, all) => all.indexOf(receipt) === at);

describe('a message', () => {
  it('of 256 items is read, and one of 257 is dropped', async () => {
    const peer = await dial(validator);
    const [server, client] = [new Account(), new Account()];
    const many = Array.from({ length: 256 }, () => claimOf(server, client));
    const extra = claimOf(server, client);
    peer.update({ receipts: [extra, ...many] });
    peer.update({ receipts: [extra, ...many.slice(1)], certificates: [{ ...many[0], attestations: [] }] });
    peer.update({ receipts: many });
    await Promise.all(many.map((claim) => peer.attestation(receiptHash(claim))));
    expect(saidValid(peer)).not.toContain(receiptHash(extra));
    const own = many.map((claim) => attestationOf(validator, receiptHash(claim)));
    peer.verify([...own, own[0]!]);
    expect(await peer.counted(receiptHash(many[0]!))).toEqual([]);
    peer.verify(own);
    await expect.poll(() => peer.counted(receiptHash(many[255]!)), { timeout: 10_000 }).toHaveLength(1);
    worker.counted.push(...many.map(receiptHash));
  });

  it.each([
    ['longer than 1,048,576 bytes', Buffer.from([0, 0x10, 0, 1])],
    ['no object', frameOfBytes(Buffer.from('[]'))],
  ])('that is %s ends the connection', async (_, bytes) => {
    const peer = await dial(new Account());
    peer.wire.sendBytes(bytes);
    await peer.wire.closed;
  });
});

describe('what is compared', () => {
  const wrong = sha256('00');
  const under = (prefix: string): string[] => worker.counted.filter((hash) => hash.startsWith(prefix)).sort();
  const childrenOf = (prefix: string): string[] => hexDigits.map((digit) => prefix + digit);
  const rangeOf = (prefix: string) => ({ prefix, digest: digestOf(worker.counted, prefix) });

  it('is a digest of the hashes up to 16, of the 16 children beyond, whatever the prefix', async () => {
    const peer = await dial(validator);
    expect(worker.counted.length).toBeGreaterThan(256);
    const { ranges } = await peer.request([{ prefix: '', digest: wrong }]);
    expect(ranges).toEqual(childrenOf('').map(rangeOf));
    const large = childrenOf('').filter((digit) => under(digit).length > 16);
    const small = large.flatMap(childrenOf);
    const { ranges: smaller } = await peer.request(large.map((prefix) => ({ prefix, digest: wrong })));
    expect(smaller).toEqual(small.map(rangeOf));
    const { keys } = await peer.request(small.map((prefix) => ({ prefix, digest: wrong })));
    expect(keys).toEqual(small.map((prefix) => ({ prefix, hashes: under(prefix) })));
  });

  it('is not answered where it is the same, and an empty list where nothing is there', async () => {
    const peer = await dial(validator);
    const unknown = 'f'.repeat(64);
    const same = [rangeOf(''), rangeOf('7'), { prefix: unknown, digest: sha256('') }];
    const answer = await peer.request([...same, { prefix: unknown, digest: wrong }]);
    expect([answer.ranges, answer.keys]).toEqual([[], [{ prefix: unknown, hashes: [] }]]);
  });

  it('brings exactly what the other side lacks, and asks for exactly what it has more', async () => {
    const peer = await dial(validator);
    const prefix = worker.counted[0]!.slice(0, 1);
    const [lacking, ...rest] = under(prefix);
    const more = prefix.padEnd(64, 'ab');
    const from = peer.now;
    const { keys } = await peer.request([], [{ prefix, hashes: [...rest, more] }]);
    expect(keys).toHaveLength(1);
    expect([keys[0].prefix, [...keys[0].hashes].sort()]).toEqual([prefix, under(prefix)]);
    const fits = ({ type, certificates }: Message) => type === 'score_update' && certificates.length > 0;
    const { certificates } = await peer.wire.frame(fits, 10_000, from);
    expect((certificates as Claim[]).map(receiptHash)).toEqual([lacking]);
  });

  it('is asked about by the worker, too, where who dialled it does not begin', async () => {
    const peer = await dial(new Account());
    const { ranges } = await peer.wire.frame(({ type }) => type === 'score_request', 10_000);
    expect(ranges).toEqual([rangeOf('')]);
  });

  it('may be asked for by who only looks up, also while others are asked', async () => {
    const peers = await Promise.all([dial(validator), ...[1, 2, 3].map(() => dial(new Account(), 'client'))]);
    for (const peer of peers) {
      const { ranges } = await peer.request([{ prefix: '', digest: wrong }]);
      expect(ranges).toHaveLength(16);
    }
  });

  it('is answered in one frame, and with each certificate once, however often it is asked in one', async () => {
    const peer = await dial(validator);
    const often = <Item>(item: Item): Item[] => Array<Item>(1_024).fill(item);
    const from = peer.now;
    await peer.request(often({ prefix: '', digest: wrong }), often({ prefix: '', hashes: ['ab'.repeat(32)] }));
    const sent = (): string[] =>
      peer.wire.received
        .slice(from)
        .flatMap(({ message }) => ((message.certificates ?? []) as Claim[]).map(receiptHash));
    await expect.poll(() => sent().length, { timeout: 10_000 }).toBe(256);
    await peer.counted('f'.repeat(64)); // nothing more comes before this
    expect(new Set(sent()).size).toBe(256);
    expect(sent()).toHaveLength(256);
  });

  it.each<[string, object]>([
    ['a prefix in capitals', { ranges: [{ prefix: 'A', digest: wrong }] }],
    ['a prefix that is no hex', { ranges: [{ prefix: '../', digest: wrong }] }],
    ['a prefix of 65', { ranges: [{ prefix: 'a'.repeat(65), digest: wrong }] }],
    ['a prefix that is none', { ranges: [{ prefix: null, digest: wrong }] }],
    ['a digest that is short', { ranges: [{ prefix: '', digest: 'ab' }] }],
    ['1,025 ranges', { ranges: Array(1_025).fill({ prefix: '', digest: wrong }) }],
    ['1,025 hashes', { ranges: [], keys: [{ prefix: '', hashes: Array(1_025).fill('ab'.repeat(32)) }] }],
    ['no ranges', { keys: [] }],
  ])('is dropped where it has %s, and the connection goes on', async (_, fields) => {
    const peer = await dial(validator);
    peer.wire.send({ v: 2, type: 'score_request', ...fields });
    expect(await peer.counted('f'.repeat(64))).toEqual([]); // and not what the other would have been answered
  });
});

type Maker = (server: Account, client: Account) => Claim;
const changed =
  (changes: Parameters<typeof claimOf>[2]): Maker =>
  (server, client) =>
    claimOf(server, client, changes);
/** A good claim of which one part is changed after it was signed. */
const altered =
  (part: keyof Claim, change: (object: Signable) => Signable): Maker =>
  (server, client) => {
    const claim = claimOf(server, client);
    return { ...claim, [part]: change(claim[part]) };
  };
const signedBeyond = (object: Signable): Signable => ({ ...object, signature: beyond(object.signature) });
const now = Date.now();
const daysMs = 86_400_000;

describe('what does not stand up', () => {
  const weak: Maker = (server, client) => {
    const { order: strong } = claimOf(server, client);
    const weakOrder = { ...strong, client: weakKey, signature: weakSignature };
    const receipt = receiptOf(server, weakOrder);
    return { order: weakOrder, receipt, ack: { ...ackOf(client, receipt), client: weakKey, signature: weakSignature } };
  };
  it.each<[verdict: string, what: string, make: Maker]>([
    ['bad_signature', 'an order with S beyond L', altered('order', signedBeyond)],
    ['bad_signature', 'a receipt with S beyond L', altered('receipt', signedBeyond)],
    ['bad_signature', 'an ack with S beyond L', altered('ack', signedBeyond)],
    ['bad_signature', 'a client of small order', weak],
    ['bad_signature', 'an altered ack', altered('ack', (ack) => ({ ...ack, at: 5 }))],
    ['mismatch', 'an altered order', altered('order', (each) => ({ ...each, maxPrice: 1 }))],
    ['mismatch', 'an altered receipt', altered('receipt', (each) => ({ ...each, promptTokens: 5 }))],
    ['mismatch', 'another client', changed({ receipt: { client: 'ab'.repeat(32) } })],
    ['mismatch', 'an ack of something else', changed({ ack: { receipt: 'ab'.repeat(32) } })],
    ['wrong_network', 'another mesh', changed({ order: { network: 'acme/qmesh-inference-v2' } })],
    ['same_account', 'one who served himself', (server) => claimOf(server, server)],
    ['bad_order_times', 'ten minutes and a moment', changed({ order: { at: now, expiresAt: now + 600_001 } })],
    ['bad_order_times', 'an end before its beginning', changed({ order: { at: now, expiresAt: now - 1 } })],
    ['wrong_score', 'a point more', changed({ receipt: { score: 6_266 } })],
    ['wrong_score', 'parts in the wrong place', changed({ receipt: { speed: 240, complexity: 5_000 } })],
    ['implausible', 'more than two tokens a millisecond', changed({ receipt: { completionTokens: 801 } })],
    ['response_time', 'times that lie apart', changed({ ack: { responseMs: 813 } })],
    ['bad_clock', 'an order after its end', changed({ order: { at: now + 400_000, expiresAt: now + 410_000 } })],
    [
      'too_old',
      'last week',
      changed({
        order: { at: now - 8 * daysMs, expiresAt: now - 8 * daysMs },
        receipt: { finishedAt: now - 7 * daysMs - 1 },
      }),
    ],
  ])('%s: %s', async (verdict, _, make) => {
    const server = new Account();
    const claim = make(server, new Account());
    const peer = await dial(server);
    peer.update({ receipts: [claim] });
    const answer = await peer.attestation(receiptHash(claim));
    expect(answer).toMatchObject({ verdict, validator: worker.account.node });
    expect(isSignedBy(worker.account.node, 'attestation', answer)).toBe(true);
  });

  it('is told to who brings it, too, also what may yet be attested; and nobody is banned for it', async () => {
    const bearer = new Account();
    const peer = await dial(bearer);
    const poor = claimOf(new Account(), new Account(), { order: { maxPrice: 1 } });
    peer.update({ receipts: [poor] });
    expect(await peer.attestation(receiptHash(poor))).toMatchObject({ verdict: 'overdrawn' });
    const wrong = Array.from({ length: 12 }, () =>
      claimOf(new Account(), new Account(), { receipt: { score: 6_264 } }),
    );
    peer.update({ receipts: wrong });
    for (const claim of wrong)
      expect(await peer.attestation(receiptHash(claim))).toMatchObject({ verdict: 'wrong_score' });
    expect(await (await dial(bearer)).counted('f'.repeat(64))).toEqual([]);
  });

  it('is not far from what does', async () => {
    const peer = await dial(validator);
    const claims = [
      changed({ order: { at: now - 1_000, expiresAt: now + 599_000 } }),
      changed({ receipt: { completionTokens: 800 } }),
      changed({ ack: { responseMs: 812 } }),
      changed({
        receipt: { finishedAt: now - 7 * daysMs + 600_000 },
        order: { at: now - 8 * daysMs, expiresAt: now - 8 * daysMs },
      }),
      changed({ receipt: { finishedAt: Date.now() + 290_000 } }),
      changed({ order: { at: now + 290_000, expiresAt: now + 300_000 } }),
    ].map((make) => make(new Account(), new Account()));
    await certify(peer, claims);
  });

  const strange = (part: keyof Claim, changes: object): [good: Claim, sent: Claim] => {
    const claim = claimOf(new Account(), new Account());
    return [claim, { ...claim, [part]: { ...claim[part], ...changes } }];
  };
  it.each<[string, () => [good: Claim, sent: Claim]]>([
    ['a field more', () => strange('receipt', { extra: 1 })],
    ['a field less', () => strange('order', { maxPrice: undefined })],
    ['a fraction', () => strange('ack', { responseMs: 400.5 })],
    ['a number below 0', () => strange('order', { promptChars: -1 })],
    ['2^53', () => strange('receipt', { promptTokens: 2 ** 53 })],
    ['a number as text', () => strange('receipt', { score: '6265' })],
    ['half of a surrogate pair', () => strange('order', { network: 'qmesh\ud800' })],
    ['a key in capitals', () => strange('ack', { client: 'AB'.repeat(32) })],
    ['an offer above 10 points', () => strange('order', { maxPrice: 10_001 })],
    ['an ack that is none', () => strange('ack', { signature: undefined })],
  ])('is not looked at where it has %s', async (_, make) => {
    const peer = await dial(validator);
    const [good, sent] = make();
    peer.update({ receipts: [sent] });
    await certify(peer, newClaims(1));
    for (const claim of [good, sent]) expect(saidValid(peer)).not.toContain(receiptHash(claim));
  });

  /** A claim that this worker does not attest yet, and its hash: its request ends in some minutes. */
  const tooEarly = (): [Claim, string] => {
    const claim = claimOf(new Account(), new Account(), { receipt: { finishedAt: Date.now() + 400_000 } });
    return [claim, receiptHash(claim)];
  };
  it('is no certificate: too few attestations, forged ones, one twice, of nobody, of another receipt, not valid', async () => {
    const peer = await dial(validator);
    const third = claimOf(new Account(), new Account());
    const hashOfThird = receiptHash(third);
    peer.update({ receipts: [third] });
    await peer.attestation(hashOfThird);
    const uncounted = [
      (): Signable[] => [],
      (hash: string) => [attestationOf(validator, hash)],
      (hash: string) => [attestationOf(validator, hash), attestationOf(validator, hash)],
      (hash: string) => [attestationOf(validator, hash), attestationOf(new Account(), hash)],
      (hash: string) => [
        attestationOf(validator, hash),
        { ...attestationOf(new Account(), hash), validator: worker.account.node },
      ],
      (hash: string) => [attestationOf(validator, hash), attestationOf(worker.account, hashOfThird)],
      (hash: string) => [attestationOf(validator, hash), attestationOf(worker.account, hash, 'overdrawn')],
      (hash: string) => [attestationOf(worker.account, hash), signedBeyond(attestationOf(validator, hash))],
    ].map((make) => {
      const [claim, hash] = tooEarly();
      peer.update({ certificates: [{ ...claim, attestations: make(hash) }] });
      return hash;
    });
    peer.verify([attestationOf(validator, hashOfThird)]);
    await expect.poll(() => peer.counted(hashOfThird), { timeout: 10_000 }).toHaveLength(1);
    worker.counted.push(hashOfThird);
    const other = await dial(new Account(), 'client'); // who brought them hears of them, so as not to bring them again
    for (const hash of uncounted) expect([await peer.counted(hash), await other.counted(hash)]).toEqual([[hash], []]);

    // A quorum has the last word all the same.
    const [claim, hash] = tooEarly();
    const attestations = attestedByBoth(hash);
    peer.update({ certificates: [{ ...claim, attestations }] });
    await expect.poll(() => peer.counted(hash), { timeout: 10_000 }).toHaveLength(1);
    worker.counted.push(hash);
  });
});

describe('two versions of one thing', () => {
  /** Two receipts of one order, each with its ack. */
  const twice = (server: Account, client: Account): [Claim, Claim] => {
    const first = claimOf(server, client);
    const receipt = receiptOf(server, first.order, { promptTokens: 9 });
    return [first, { order: first.order, receipt, ack: ackOf(client, receipt) }];
  };
  /** Not attested, while a claim that came later is. */
  async function expectBanned(peer: ScorePeer, claim: Claim): Promise<void> {
    const from = peer.now;
    const other = claimOf(new Account(), new Account());
    peer.update({ receipts: [claim, other] });
    await peer.attestation(receiptHash(other), from);
    expect(saidValid(peer, from)).not.toContain(receiptHash(claim));
  }

  it('ban who signed two receipts, as soon as somebody shows both, and everybody hears of it', async () => {
    const [peer, other] = await Promise.all([dial(validator), dial(new Account())]);
    const [server, client] = [new Account(), new Account()];
    const [a, b] = twice(server, client);
    const evidence = {
      kind: 'double_receipt',
      a: { order: a.order, receipt: a.receipt },
      b: { order: b.order, receipt: b.receipt },
    };
    peer.verify([], [evidence]);
    expect(await other.evidence('double_receipt')).toEqual(evidence);
    await expectBanned(peer, claimOf(server, new Account()));
    await certify(peer, [claimOf(new Account(), client)]); // he did nothing
  });

  it('ban who acked both', async () => {
    const peer = await dial(validator);
    const [server, client] = [new Account(), new Account()];
    const [a, b] = twice(server, client);
    peer.verify([], [{ kind: 'double_ack', a, b }]);
    await expectBanned(peer, claimOf(new Account(), client));
    const { end } = await (await worker.ask(client)).ask({ id: 'again', prompt: 'count from 5' });
    expect(end).toMatchObject({ type: 'inference_error', code: 'banned' });
  });

  it('are found by the worker itself, of which it attests one', async () => {
    const peer = await dial(validator);
    const [server, client] = [new Account(), new Account()];
    const claims = twice(server, client);
    peer.update({ receipts: claims });
    await Promise.all([peer.evidence('double_receipt'), peer.evidence('double_ack')]);
    await expectBanned(peer, claimOf(server, new Account()));
    expect(saidValid(peer).filter((hash) => claims.map(receiptHash).includes(hash))).toHaveLength(1);
  });

  it('are counted where a quorum attested both, and who asks is given both', async () => {
    const peer = await dial(validator);
    const claims = twice(new Account(), new Account());
    const certificates = claims.map((claim) => ({
      ...claim,
      attestations: attestedByBoth(receiptHash(claim)),
    }));
    peer.update({ certificates });
    worker.counted.push(...claims.map(receiptHash));
    for (const claim of claims)
      await expect.poll(() => peer.counted(receiptHash(claim)), { timeout: 10_000 }).toHaveLength(1);
  });

  it('are no evidence where one is forged, both are the same, or they are of two orders', async () => {
    const peer = await dial(new Account());
    const [server, client] = [new Account(), new Account()];
    const [a, b] = twice(server, client);
    const forged = { ...b, receipt: receiptOf(new Account(), a.order, { promptTokens: 9 }) };
    const { ack: _, ...withoutAck } = b;
    for (const evidence of [
      { kind: 'double_receipt', a, b: forged },
      { kind: 'double_receipt', a, b: a },
      { kind: 'double_receipt', a, b: claimOf(server, client) },
      { kind: 'double_ack', a, b: withoutAck },
      { kind: 'double_ack', a, b: { ...b, ack: ackOf(new Account(), b.receipt) } },
    ])
      peer.verify([], [evidence]);
    await certify(await dial(validator), [claimOf(server, client)]);
  });
});
