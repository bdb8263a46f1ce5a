/**
 * A worker process is killed at any moment while it answers, signs receipts and has them certified with another named validator. Before it
 * is started again its disk is looked at: what somebody has seen is there, whole, and nothing is half there. In the end both hold the
 * same receipts and the same balances, and nobody has signed two versions of anything.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLedger } from '../../src/actors/scores/ledger.js';
import {
  openScoreStore,
  scoreFolder,
  type Found,
  type OpenClaim,
  type StoredCertificate,
} from '../../src/actors/scores/score-store.js';
import { examine } from '../../src/rules/claim.js';
import { foldLedger, type LedgerEntry } from '../../src/rules/ledger.js';
import { isCertified } from '../../src/rules/quorum.js';
import {
  ackOf,
  attestationOf,
  claimOf,
  pointsOf,
  receiptHash,
  ScorePeer,
  scoreTopic,
  type Certificate,
} from '../integration/conformance/score-wire.js';
import {
  Account,
  hashOf,
  Mesh,
  saltedHash,
  topicName,
  type Message,
  type Signable,
  type WireClient,
} from '../integration/conformance/wire-client.js';
import { isSoak } from '../support/soak.js';
import { startTestnet, WorkerProcess, type Testnet } from '../support/worker-process.js';

const rounds = isSoak ? 200 : 3;
/** How far a round gets before the kill, at most. */
const longestMs = 1_500;
/** What payers can earn on one day lasts for some sixty rounds; then others pay. */
const roundsPaid = 40;
const salt = '00112233445566778899aabbccddeeff';

const seeds = [randomBytes(32), randomBytes(32)];
const [victim, witness] = seeds.map((seed) => new Account(seed)) as [Account, Account];
const payers = Array.from({ length: Math.ceil(rounds / roundsPaid) }, () => [1, 2, 3].map(() => new Account()));
const quorum = { validators: new Set([victim.node, witness.node]), threshold: 2 };
let testnet: Testnet;
const workers: WorkerProcess[] = [];

async function start(seed: Buffer): Promise<WorkerProcess> {
  const home = mkdtempSync(join(tmpdir(), 'qmesh-worker-'));
  writeFileSync(join(home, 'identity.key'), seed.toString('hex'), { mode: 0o600 });
  return startIn(home);
}
const startIn = (home: string): Promise<WorkerProcess> =>
  WorkerProcess.start(testnet, { QMESH_VALIDATORS: [...quorum.validators].join(), QMESH_THRESHOLD: '2' }, home);

beforeAll(async () => {
  testnet = await startTestnet();
  workers.push(await start(seeds[0]!), await start(seeds[1]!));
  await Promise.all(workers.map((worker) => worker.ready()));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await testnet.destroy();
});

/** What others have seen of the victim. */
const seen = { receipts: new Map<string, Signable>(), certified: new Set<string>() };
/** Acks of what was answered; sent again after each start, as a client's acks are. */
const acks: { readonly account: Account; readonly id: string; readonly ack: Signable }[] = [];

/** None while the payers have points and ack what they get. */
const refused: Message[] = [];

/** Every payer asks one thing after another, and signs for what it gets, until its connection ends. */
async function keepAsking(client: WireClient, account: Account, round: number): Promise<void> {
  for (const owed of acks) if (owed.account === account) send(client, owed);
  for (let n = 0; !client.isClosed; n++) {
    const [id, prompt, now] = [`r${round}-${n}`, `count from ${round}`, Date.now()];
    const order = account.signed('order', {
      network: topicName,
      client: account.node,
      worker: victim.node,
      id,
      promptHash: saltedHash(salt, prompt),
      promptChars: prompt.length,
      maxPrice: 1_000,
      at: now,
      expiresAt: now + 60_000,
    });
    const { end } = await client.ask({ id, prompt, salt, order, options: { maxTokens: 2, temperature: 0 } });
    if (end.code === 'rate_limited') {
      await pause(end.retryAfterMs as number);
      continue;
    }
    if (end.type === 'error') return void refused.push(end);
    if (end.receipt === undefined) continue; // the disk took more than a second, which costs the worker its receipt
    const receipt = end.receipt as Signable;
    seen.receipts.set(hashOf('receipt', receipt), receipt);
    acks.push({ account, id, ack: ackOf(account, receipt) });
    send(client, acks.at(-1)!);
  }
}
const send = (client: WireClient, { id, ack }: (typeof acks)[number]): void =>
  client.send({ v: 2, type: 'receipt_ack', id, ack });

/** A connection of a new mesh: an older node still tries the address of the process that is gone. */
async function insist<Value>(dial: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await dial();
    } catch (error) {
      if (tries === 5) throw error;
      await pause(200);
    }
  }
}

/** Of the victim's end on the score network: it follows from its seed, and is the same after each start. */
let scoreKey: string | undefined;
async function lookUp(mesh: Mesh): Promise<ScorePeer> {
  while (scoreKey === undefined) {
    const found = await mesh.find(scoreTopic);
    if (found.received[0]!.message.node === victim.node) scoreKey = found.workerId;
    await found.close();
  }
  const key = scoreKey;
  return insist(() => ScorePeer.dial(mesh, key, new Account(), 'client'));
}

/** Points to spend, from certificates that both validators signed: 50 good answers to somebody, each. */
async function fund(peer: ScorePeer, poor: readonly Account[]): Promise<void> {
  const points = { promptChars: 200, resultChars: 200, responseMs: 400 };
  for (const payer of poor) {
    const somebody = new Account();
    const certificates = Array.from({ length: 50 }, (): Certificate => {
      const { promptChars, ...receipt } = { ...points, ...pointsOf(200, 200, 400) };
      const claim = claimOf(payer, somebody, { order: { promptChars }, receipt });
      const attestations = [victim, witness].map((each) => attestationOf(each, receiptHash(claim)));
      return { ...claim, attestations };
    });
    peer.update({ certificates });
    const last = receiptHash(certificates.at(-1)!);
    await expect.poll(() => peer.counted(last), { timeout: 20_000 }).toEqual([last]);
  }
}

const read = <Value>(ask: (found: Found<Value>) => void): Promise<Value | undefined> =>
  new Promise((resolve, reject) => ask((error, value) => (error === undefined ? resolve(value) : reject(error))));

/** Certificates that stood up, to the byte: what has not changed since is not checked again, for each takes five signatures. */
const sound = new Map<string, string>();

/** What a worker that does not run has on its disk; all of it stands up. */
async function diskOf({ home }: WorkerProcess) {
  const opened = await openScoreStore(join(home, scoreFolder));
  const { store } = opened;
  const ledger = await openLedger(opened);
  const entries: LedgerEntry[] = [];
  for await (const entry of opened.entries()) entries.push(entry);
  const states = new Map([...ledger.accounts()].map((account) => [account, ledger.stateOf(account)!]));
  expect(states).toEqual(foldLedger(entries));
  for (const { hash } of entries) {
    const certificate = (await read<StoredCertificate>((found) => store.certificate(hash, found)))!;
    const bytes = JSON.stringify(certificate);
    if (sound.get(hash) === bytes) continue;
    expect(examine(certificate, topicName)).toMatchObject({ kind: 'sound', facts: { entry: { hash } } });
    expect(isCertified(certificate, quorum), hash).toBe(true);
    sound.set(hash, bytes);
  }
  const claims = (await read<OpenClaim[]>((found) => store.claims(found))) ?? [];
  expect(await read<object[]>((found) => store.evidence(found))).toEqual([]);
  await new Promise((closed) => store.close(closed));
  return { states, counted: new Set(entries.map(({ hash }) => hash)), claims };
}

it(`loses nothing that was seen through ${rounds} kills`, { timeout: 7_200_000 }, async () => {
  for (let round = 0; round < rounds; round++) {
    const mesh = new Mesh(testnet.nodes);
    const peer = await lookUp(mesh);
    const paying = payers[Math.floor(round / roundsPaid)]!;
    if (round % roundsPaid === 0) await fund(peer, paying);
    const asking = paying.map((account) =>
      insist(() => mesh.dial(victim.node, account))
        .then((client) => keepAsking(client, account, round))
        .catch(() => undefined),
    ); // until the connection is lost
    const from = peer.now;
    const isCertificate = ({ certificates = [] }: Message): boolean => certificates.length > 0;
    if (round % 3 > 0) await peer.wire.frame(isCertificate, 30_000, from); // both have met
    await pause((longestMs * (round + 1) * 0.618) % longestMs);
    workers[0]!.signal('SIGKILL');
    await workers[0]!.exited;
    for (const { message } of peer.wire.received)
      for (const certificate of (message.certificates ?? []) as Certificate[])
        seen.certified.add(receiptHash(certificate));
    await mesh.destroy();
    await Promise.all(asking);
    expect(refused).toEqual([]);

    const { counted, claims } = await diskOf(workers[0]!);
    expect([...seen.certified].filter((hash) => !counted.has(hash))).toEqual([]);
    const open = new Set(claims.map(({ receipt }) => hashOf('receipt', receipt)));
    expect([...seen.receipts.keys()].filter((hash) => !counted.has(hash) && !open.has(hash))).toEqual([]);
    workers[0] = await startIn(workers[0]!.home);
    await workers[0].ready();
    if (isSoak) console.log(`${round + 1}: ${seen.receipts.size} receipts, ${seen.certified.size} certificates seen`);
  }

  // All that was signed for is certified in the end, by both.
  const mesh = new Mesh(testnet.nodes);
  for (const account of payers.flat()) {
    const client = await insist(() => mesh.dial(victim.node, account));
    for (const owed of acks) if (owed.account === account) send(client, owed);
  }
  const peer = await lookUp(mesh);
  for (const hash of seen.receipts.keys())
    await expect.poll(() => peer.counted(hash), { timeout: 30_000, interval: 200 }).toEqual([hash]);
  await pause(2_000); // and the other one has what this one has
  await mesh.destroy();
  for (const worker of workers) worker.signal('SIGTERM');
  await Promise.all(workers.map((worker) => worker.exited));
  const [one, other] = [await diskOf(workers[0]!), await diskOf(workers[1]!)];
  expect(one.counted).toEqual(other.counted);
  expect(one.states).toEqual(other.states);
  expect(seen.certified.size).toBeGreaterThan(0);
  expect(seen.receipts.size).toBeGreaterThan(rounds);
});
