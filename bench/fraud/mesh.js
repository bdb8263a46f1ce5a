/**
 * What the attacks run against: accounts that sign, validators that judge by the project's own rules, and the fold.
 * Pure and deterministic, with a clock set by the attack.
 */
import { createHash } from 'node:crypto';
import { keyPairFromSeed } from '../../dist/protocol/keys.js';
import { objectHash, signObject } from '../../dist/protocol/signed-objects.js';
import { topicName } from '../../dist/protocol/topics.js';
import { judge } from '../../dist/rules/attestation.js';
import { examine } from '../../dist/rules/claim.js';
import { banOf, evidenceIn } from '../../dist/rules/evidence.js';
import { foldLedger } from '../../dist/rules/ledger.js';
import { scoreOf } from '../../dist/rules/points.js';
import { isCertified, quorumOf } from '../../dist/rules/quorum.js';

/** @typedef {import('../../dist/protocol/keys.js').KeyPair} KeyPair */
/** @typedef {import('../../dist/protocol/signed-objects.js').Claim} Claim */
/** @typedef {import('../../dist/protocol/signed-objects.js').Receipt} Receipt */
/** @typedef {import('../../dist/rules/ledger.js').LedgerEntry} LedgerEntry */
/** @typedef {import('../../dist/rules/quorum.js').ValidatorPolicy} ValidatorPolicy */

export const network = topicName('inference');
export const dayMs = 86_400_000;
export const startMs = Date.UTC(2026, 0, 1, 0, 1);

/** @param {string} text */
export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
/** @param {string} name @returns {KeyPair} */
export const identity = (name) => keyPairFromSeed(Buffer.from(sha256(name), 'hex'));

/**
 * @typedef {object} Work
 * @property {KeyPair} client
 * @property {KeyPair} worker
 * @property {string} id
 * @property {number} [price] millipoints
 * @property {number} [promptChars]
 * @property {number} [responseMs] as the worker says
 * @property {number} [clientMs] as the client says
 * @property {number} [completionTokens]
 * @property {number} [resultChars]
 * @property {number} [atMs]
 * @property {Partial<Receipt>} [forged] what the worker writes into its receipt besides
 */

/** A claim with three good signatures, whatever it says. @param {Work} work @returns {Claim} */
export function claimOf({ client, worker, id, price = 0, atMs = startMs, promptChars = 150, ...rest }) {
  const { responseMs = 900, clientMs = responseMs, completionTokens = 40, resultChars = 200, forged = {} } = rest;
  const order = signObject(
    'order',
    {
      network,
      client: client.publicKeyHex,
      worker: worker.publicKeyHex,
      id,
      promptHash: sha256(id),
      promptChars,
      maxPrice: price,
      at: atMs - responseMs,
      expiresAt: atMs - responseMs + 60_000,
    },
    client,
  );
  const facts = {
    order: objectHash('order', order),
    worker: worker.publicKeyHex,
    client: client.publicKeyHex,
    model: sha256('model'),
    resultHash: sha256(`${id} result`),
    resultChars,
    promptTokens: 40,
    completionTokens,
    responseMs,
    success: true,
    finishedAt: atMs,
  };
  const receipt = signObject('receipt', { ...facts, ...scoreOf({ promptChars, ...facts }), ...forged }, worker);
  const ack = signObject(
    'ack',
    { receipt: objectHash('receipt', receipt), client: client.publicKeyHex, responseMs: clientMs, at: atMs + 50 },
    client,
  );
  return { order, receipt, ack };
}

/** @param {Claim} claim @param {KeyPair} validator @param {number} at */
export const attest = ({ receipt }, validator, at) =>
  signObject(
    'attestation',
    { receipt: objectHash('receipt', receipt), validator: validator.publicKeyHex, verdict: 'valid', at },
    validator,
  );

/** A mesh under one policy: its validators, and the ledger that follows from what they certify. */
export class FraudMesh {
  /** @type {Map<string, LedgerEntry>} */
  #entries = new Map();
  /** @type {Map<string, Claim>} */
  #byOrder = new Map();
  /** @type {Map<string, number>} */
  #bans = new Map();
  /** @type {ReturnType<typeof foldLedger> | undefined} */
  #states;
  /** @type {Record<string, number>} */
  verdicts = {};

  /**
   * @param {object} options
   * @param {ValidatorPolicy} options.policy
   * @param {readonly KeyPair[]} options.validators who are there; under `seen` all of them count
   * @param {readonly string[]} [options.liars] validators that attest to anything
   * @param {readonly string[]} [options.minters]
   */
  constructor({ policy, validators, liars = [], minters }) {
    this.validators = validators;
    this.liars = new Set(liars);
    /** @type {import('../../dist/rules/ledger.js').Minters} */
    this.minters = minters === undefined ? 'everyone' : new Set(minters);
    this.quorum = quorumOf(
      policy,
      validators.map(({ publicKeyHex }) => publicKeyHex),
    );
  }

  /** What the honest validators say of it, and whether it counts from now on. @param {Claim} claim @param {number} [nowMs] */
  submit(claim, nowMs = claim.receipt.finishedAt + 1_000) {
    const hash = objectHash('receipt', claim.receipt);
    const examined = examine(claim, network);
    const verdict = examined.kind === 'unsound' ? examined.fault : judge(examined.facts, this.#view(nowMs), nowMs);
    this.verdicts[verdict] = (this.verdicts[verdict] ?? 0) + 1;
    this.#findEvidence(claim, nowMs);
    if (examined.kind === 'unsound') return { verdict, counts: false };
    const attestations = this.validators
      .filter(({ publicKeyHex }) => verdict === 'valid' || this.liars.has(publicKeyHex))
      .slice(0, this.quorum.threshold)
      .map((validator) => attest(claim, validator, nowMs));
    const counts = isCertified({ ...claim, attestations }, this.quorum);
    if (counts) this.count(examined.facts.entry);
    return { verdict, counts };
  }

  /** As if it had been certified: for thousands of receipts of which the first was. @param {LedgerEntry} entry */
  count(entry) {
    this.#entries.set(entry.hash, entry);
    this.#states = undefined;
  }

  /** Points of these accounts together. @param {readonly KeyPair[]} accounts */
  points(accounts) {
    this.#states ??= foldLedger(this.#entries.values(), this.minters);
    const states = this.#states;
    return accounts.reduce((sum, { publicKeyHex }) => sum + (states.get(publicKeyHex)?.balance ?? 0), 0) / 1_000;
  }

  /** @param {number} nowMs */
  #view(nowMs) {
    return {
      receiptOf: (/** @type {string} */ order) => {
        const known = this.#byOrder.get(order);
        return known === undefined ? undefined : objectHash('receipt', known.receipt);
      },
      balanceOf: (/** @type {string} */ account) =>
        foldLedger(this.#entries.values(), this.minters).get(account)?.balance ?? 0,
      pledgedBy: () => 0,
      isBanned: (/** @type {string} */ account) => (this.#bans.get(account) ?? 0) > nowMs,
    };
  }

  /** @param {Claim} claim @param {number} nowMs */
  #findEvidence(claim, nowMs) {
    const rival = this.#byOrder.get(claim.receipt.order);
    if (rival === undefined) this.#byOrder.set(claim.receipt.order, claim);
    for (const evidence of rival === undefined ? [] : evidenceIn(rival, claim)) {
      const ban = banOf(evidence);
      if (ban !== undefined && ban.until > nowMs) this.#bans.set(ban.account, ban.until);
    }
  }

  /** @param {KeyPair} account @param {number} nowMs */
  isBanned({ publicKeyHex }, nowMs) {
    return (this.#bans.get(publicKeyHex) ?? 0) > nowMs;
  }
}
