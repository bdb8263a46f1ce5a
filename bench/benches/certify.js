/**
 * The cost of agreeing on points: receipts per second certified by 4 and 16 validators in one process, compared with
 * the bare signature checks this takes; bytes on the wire and on disk; and the cost of a balance at a million receipts.
 */
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import crypto from 'hypercore-crypto';
import { createDhtActor } from '../../dist/actors/dht.actor.js';
import { Ledger } from '../../dist/actors/scores/ledger.js';
import { names } from '../../dist/actors/names.js';
import { openScoreStore } from '../../dist/actors/scores/score-store.js';
import { consensus, scoreDeps, scoreKeySeedOf, scorePeers, scoreTopic } from '../../dist/actors/score.tree.js';
import { checksHere } from '../../dist/actors/scores/checks.js';
import { noStore } from '../../dist/actors/scores/no-store.js';
import { keyPairFromSeed } from '../../dist/protocol/keys.js';
import { objectHash, signObject } from '../../dist/protocol/signed-objects.js';
import { signedBytes } from '../../dist/protocol/signing.js';
import { topicName } from '../../dist/protocol/topics.js';
import { foldLedger } from '../../dist/rules/ledger.js';
import { scoreOf } from '../../dist/rules/points.js';
import { leastThreshold } from '../../dist/rules/quorum.js';
import { LedgerTotals } from '../../dist/rules/totals.js';
import { systemClock } from '../../dist/runtime/clock.js';
import { nullLogger } from '../../dist/runtime/log.js';
import { systemRandom } from '../../dist/runtime/random.js';
import { startTree } from '../../dist/runtime/start-tree.js';
import { tell } from '../../dist/runtime/tell.js';
import { PipeNetwork } from '../pipe-network.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';

export const name = 'certify';
export const about = 'receipts certified per second in one process, their bytes, and the cost of a balance';

const meshes = [4, 16];
const network = topicName('inference');
const ambient = { clock: systemClock, random: systemRandom, log: nullLogger };

/** @typedef {import('../../dist/protocol/signed-objects.js').Claim} Claim */
/** @typedef {import('../../dist/rules/ledger.js').LedgerEntry} LedgerEntry */

/** @param {number} n */
const keyPair = (n) => keyPairFromSeed(Buffer.alloc(32, n + 1));

/** @param {import('../context.js').Context} context */
export async function run({ rounds, smoke, say, scratch }) {
  const receipts = smoke ? 8 : 1_000;
  const folded = smoke ? 1_000 : 1_000_000;
  /** @type {Map<number, Claim[]>} */
  const claims = new Map();
  const contender = {
    name: 'qmesh',
    start: async () =>
      meshes.forEach((size) =>
        claims.set(
          size,
          Array.from({ length: receipts }, (_, n) => claimOf(n, size)),
        ),
      ),
    async measure() {
      /** @type {Record<string, number>} */
      const figures = {};
      for (const size of meshes) {
        const all = claims.get(size) ?? [];
        const { seconds, bytes } = await certify(all, size);
        const checks = size * receipts * (3 + leastThreshold(size) - 1);
        figures[`rate${size}`] = receipts / seconds;
        figures[`share${size}`] = (checks * secondsOfOneCheck(all)) / seconds;
        figures[`wire${size}`] = bytes / receipts / size;
      }
      figures.disk = await bytesOnDisk(claims.get(4) ?? [], scratch);
      return { ...figures, ...costOfBalances(folded) };
    },
    stop: async () => claims.clear(),
  };
  const measured = await runRounds([contender], { rounds, keepDisturbed: smoke, say });
  /** @type {Record<string, import('../report.js').Metric>} */
  const metrics = Object.fromEntries(
    meshes.flatMap((size) => [
      [`rate${size}`, { label: `certified by all of ${size} validators`, unit: 'receipts/s' }],
      [`share${size}`, { label: `bare signature checks in that, ${size} validators`, unit: 'share of the time' }],
      [`wire${size}`, { label: `sent by each of ${size} validators`, unit: 'bytes/receipt' }],
    ]),
  );
  metrics.disk = { label: 'on the disk of a validator', unit: 'bytes/receipt' };
  metrics.settle = { label: 'counting one receipt more', unit: 'µs' };
  metrics.balance = { label: 'a balance', unit: 'µs' };
  metrics.fold = { label: 'the whole fold', unit: 'ms' };
  return resultOf(name, { receipts, folded, meshes }, metrics, [contender.name], measured);
}

/** @param {number} n @param {number} workers @returns {Claim} */
function claimOf(n, workers) {
  const worker = keyPair(n % workers);
  const client = keyPair(100 + (n % 10));
  const now = Date.now();
  const order = signObject(
    'order',
    {
      network,
      client: client.publicKeyHex,
      worker: worker.publicKeyHex,
      id: `r${n}`,
      promptHash: 'a'.repeat(64),
      promptChars: 400,
      maxPrice: 0,
      at: now - 1_500,
      expiresAt: now + 60_000,
    },
    client,
  );
  const facts = { promptChars: 400, resultChars: 800, responseMs: 1_200, success: true };
  const receipt = signObject(
    'receipt',
    {
      order: objectHash('order', order),
      worker: worker.publicKeyHex,
      client: client.publicKeyHex,
      model: 'b'.repeat(64),
      resultHash: 'c'.repeat(64),
      resultChars: facts.resultChars,
      promptTokens: 100,
      completionTokens: 200,
      responseMs: facts.responseMs,
      success: true,
      ...scoreOf(facts),
      finishedAt: now,
    },
    worker,
  );
  const ack = signObject(
    'ack',
    { receipt: objectHash('receipt', receipt), client: client.publicKeyHex, responseMs: 1_220, at: now },
    client,
  );
  return { order, receipt, ack };
}

/** @param {Claim[]} claims @param {number} size */
async function certify(claims, size) {
  const pipes = new PipeNetwork();
  const validators = Array.from({ length: size }, (_, n) => keyPair(n).publicKeyHex);
  const nodes = validators.map((_, n) => startNode(n, pipes, { validators, threshold: leastThreshold(size) }));
  await until(() => nodes.every(({ deps }) => deps.scorePeers.size === size - 1));
  const bytesBefore = pipes.bytes;
  const started = performance.now();
  claims.forEach((claim, n) => {
    const node = nodes[n % size];
    if (node !== undefined) tell(node.tree.system, names.consensus, { type: 'claim.made', claim });
  });
  await until(() => nodes.every(({ deps }) => deps.ledger.counted.size === claims.length));
  const seconds = (performance.now() - started) / 1_000;
  const bytes = pipes.bytes - bytesBefore;
  await Promise.all(nodes.map(({ tree }) => new Promise((stopped) => tree.stop(() => stopped(undefined)))));
  return { seconds, bytes };
}

/** @param {number} n @param {PipeNetwork} pipes @param {import('../../dist/rules/quorum.js').ValidatorPolicy} policy */
function startNode(n, pipes, policy) {
  const identity = keyPair(n);
  const scoreKeySeed = scoreKeySeedOf(Buffer.alloc(32, n + 1), '');
  const deps = scoreDeps({
    ...ambient,
    identity,
    ledger: new Ledger(noStore, { openFrom: 0, sums: [], holders: [], entries: [] }),
    policy,
    networkPrefix: '',
    maxConnections: 64,
    scoreRole: 'worker',
    scoreKeySeed,
    checks: checksHere(network),
  });
  const dht = createDhtActor({ network: pipes.port(deps.scoreKey), topics: [names.topic('scores')], log: nullLogger });
  const children = [consensus(deps), { id: names.dht, logic: dht }, scorePeers(deps), scoreTopic(deps)];
  return { deps, tree: startTree({ id: 'root', strategy: 'rest-for-one', children }, ambient) };
}

/** Of ready bytes: nothing but ed25519. @param {Claim[]} claims */
function secondsOfOneCheck(claims) {
  const ready = claims.slice(0, 200).map(({ receipt }) => ({
    bytes: signedBytes('receipt', receipt),
    signature: Buffer.from(receipt.signature, 'hex'),
    key: Buffer.from(receipt.worker, 'hex'),
  }));
  const started = performance.now();
  for (const { bytes, signature, key } of ready)
    if (!crypto.verify(bytes, signature, key)) throw new Error('a signature of this bench is not good');
  return (performance.now() - started) / 1_000 / ready.length;
}

/** @param {Claim[]} claims @param {string} scratch */
async function bytesOnDisk(claims, scratch) {
  const folder = mkdtempSync(join(scratch, 'scores-'));
  const { store } = await openScoreStore(folder);
  const validator = keyPair(0);
  for (const claim of claims) {
    const receipt = objectHash('receipt', claim.receipt);
    const attestation = signObject(
      'attestation',
      { receipt, validator: validator.publicKeyHex, verdict: 'valid', at: claim.receipt.finishedAt },
      validator,
    );
    store.write([{ kind: 'signed', order: claim.receipt.order, what: 'attestation', object: attestation }], () => {});
    const certificate = { ...claim, attestations: [attestation, attestation, attestation], isSolo: false };
    store.write([{ kind: 'certificate', certificate }], () => {});
  }
  await new Promise((closed) => store.close(() => closed(undefined)));
  const sizes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => statSync(join(file.parentPath, file.name)).size);
  return sizes.reduce((sum, size) => sum + size, 0) / claims.length;
}

/** @param {number} count */
function costOfBalances(count) {
  const accounts = Array.from({ length: 200 }, (_, n) => keyPair(n).publicKeyHex);
  /** @type {LedgerEntry[]} */
  const entries = Array.from({ length: count }, (_, n) => ({
    hash: n.toString(16).padStart(64, '0'),
    order: n.toString(16).padStart(64, 'f'),
    worker: accounts[n % 50] ?? '',
    client: accounts[50 + (n % 150)] ?? '',
    maxPrice: n % 3 === 0 ? 10_000 : 0,
    score: 5_000,
    success: true,
    complexity: 3_000,
    responseMs: 1_200,
    finishedAt: 1_700_000_000_000 + n * 1_000,
  }));
  const totals = new LedgerTotals();
  let started = performance.now();
  for (const entry of entries) totals.settle(entry, undefined);
  const settle = (1_000 * (performance.now() - started)) / count;
  const asked = 10_000;
  started = performance.now();
  for (let n = 0; n < asked; n++) totals.balanceOf(accounts[n % accounts.length] ?? '');
  const balance = (1_000 * (performance.now() - started)) / asked;
  started = performance.now();
  foldLedger(entries);
  return { settle, balance, fold: performance.now() - started };
}

/** @param {() => boolean} holds */
async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
