/**
 * `node scripts/vectors.mjs`: writes the test vectors of the ledger and of shelves into test/vectors/, for
 * implementations in any language. They are made without this project's own code (OpenSSL through node:crypto,
 * canonical JSON by sorting keys, points by arithmetic), so that they follow docs/ledger.md and not what src/ happens
 * to do. One test regenerates and compares them, another checks src/ against them.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

const network = 'qmesh-inference-v2';
const noonMs = Date.UTC(2026, 0, 2, 12);
const dayMs = 86_400_000;
const minuteMs = 60_000;
const salt = '000102030405060708090a0b0c0d0e0f';

const sha256 = (/** @type {import('node:crypto').BinaryLike} */ data) =>
  createHash('sha256').update(data).digest('hex');

/** @typedef {{seed: string, publicKey: string, sign: (bytes: Buffer) => string}} Account */
/** @param {string} name @returns {Account} */
function account(name) {
  const seed = sha256(name);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed, 'hex')]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  return { seed, publicKey, sign: (bytes) => sign(null, bytes, key).toString('hex') };
}

const [client, worker, other] = [account('client'), account('worker'), account('another account')];
const validators = ['validator 1', 'validator 2', 'validator 3', 'validator 4'].map(account);

/**
 * RFC 8785, for the values signed here: ASCII keys, strings, whole numbers, booleans.
 * @param {unknown} value
 * @returns {string}
 */
function canonical(value) {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** @param {string} kind @param {object} object */
function signedText(kind, object) {
  const { signature: _, ...body } = /** @type {{signature?: string}} */ (object);
  return `qmesh/2/${kind}\n${canonical(body)}`;
}
const hashOf = (/** @type {string} */ kind, /** @type {object} */ object) => sha256(signedText(kind, object));
/** @template {object} T @param {string} kind @param {T} body @param {Account} by */
const signed = (kind, body, by) => ({ ...body, signature: by.sign(Buffer.from(signedText(kind, body))) });

const codePoints = (/** @type {string} */ text) => Array.from(text).length;

// ── a request's objects ──────────────────────────────────────────────────────────────────────────────────────────────

/** @param {{promptChars: number}} order @param {{resultChars: number, responseMs: number, success: boolean}} facts */
function points({ promptChars }, { resultChars, responseMs, success }) {
  const limits = [1_000, 2_000, 5_000, 10_000, 30_000];
  const speed = 1_000 * limits.filter((limit) => responseMs <= limit).length;
  const complexity = Math.min(3_000, 20 * promptChars);
  const quality = success ? 1_000 + Math.min(1_000, 5 * resultChars) : 0;
  return { speed, complexity, quality, score: success ? speed + complexity + quality : 0 };
}

/**
 * @typedef {{client?: Account, worker?: Account, order?: object, receipt?: object, ack?: object}} Changes
 * @param {Changes} changes applied before signing
 */
function claim(changes = {}) {
  const { client: asks = client, worker: serves = worker } = changes;
  const order = signed(
    'order',
    {
      network,
      client: asks.publicKey,
      worker: serves.publicKey,
      id: 'r1',
      promptHash: sha256(Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from('count from 5')])),
      promptChars: 12,
      maxPrice: 2_000,
      at: noonMs - 1_500,
      expiresAt: noonMs + minuteMs,
      ...changes.order,
    },
    asks,
  );
  const facts = {
    order: hashOf('order', order),
    worker: serves.publicKey,
    client: asks.publicKey,
    model: sha256('a model'),
    resultHash: sha256(Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from('6 7 8')])),
    resultChars: 5,
    promptTokens: 4,
    completionTokens: 3,
    responseMs: 1_200,
    success: true,
    finishedAt: noonMs,
    ...changes.receipt,
  };
  const receipt = signed('receipt', { ...facts, ...points(order, facts), ...changes.receipt }, serves);
  const ack = signed(
    'ack',
    {
      receipt: hashOf('receipt', receipt),
      client: asks.publicKey,
      responseMs: receipt.responseMs + 20,
      at: noonMs + 30,
      ...changes.ack,
    },
    asks,
  );
  return { order, receipt, ack };
}

/** @param {object} receipt @param {Account} by @param {string} verdict */
const attestation = (receipt, by, verdict = 'valid') =>
  signed(
    'attestation',
    { receipt: hashOf('receipt', receipt), validator: by.publicKey, verdict, at: noonMs + 100 },
    by,
  );

// ── signed-objects.json ──────────────────────────────────────────────────────────────────────────────────────────────

/** The group order L, and every encoding of a point of small order (canonical or not). */
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;
const smallOrderKeys = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const basePoint = '5866666666666666666666666666666666666666666666666666666666666666';
const one = '01'.padEnd(64, '0');

const littleEndian = (/** @type {Buffer} */ bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);

/** The same signature with S + L. A verifier that does not check S < L accepts it. @param {string} signature */
function malleated(signature) {
  const s = littleEndian(Buffer.from(signature.slice(64), 'hex')) + groupOrder;
  return signature.slice(0, 64) + Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().toString('hex');
}

/**
 * Needs no secret: under a key of small order, R = the base point and S = 1 verify every message whose challenge is a
 * multiple of 8.
 * @param {string} kind
 * @param {string} signer the field that names the signer
 * @param {{at: number}} body
 * @param {string} key
 */
function forged(kind, signer, body, key) {
  for (let at = body.at; ; at++) {
    const object = { ...body, [signer]: key, at };
    const bytes = Buffer.concat([Buffer.from(basePoint + key, 'hex'), Buffer.from(signedText(kind, object))]);
    const challenge = littleEndian(createHash('sha512').update(bytes).digest()) % groupOrder;
    if (challenge % 8n === 0n) return { ...object, signature: basePoint + one };
  }
}

/** A different value of the same type. @param {unknown} value */
function changed(value) {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  return (String(value).startsWith('a') ? 'b' : 'a') + String(value).slice(1);
}

/** @param {string} kind @param {Record<string, unknown>} valid @param {string} signer */
function tampered(kind, valid, signer) {
  const { signature, ...body } = /** @type {{signature: string}} */ (valid);
  const sign = (/** @type {object} */ object, /** @type {string} */ text) => ({
    ...object,
    signature: accountOf(String(valid[signer])).sign(Buffer.from(text)),
  });
  const text = signedText(kind, body);
  const number = Object.keys(body).findLast((field) => typeof valid[field] === 'number') ?? '';
  const withNumber = (/** @type {unknown} */ value) =>
    sign({ ...body, [number]: value }, signedText(kind, { ...body, [number]: value }));
  const values = Object.keys(body).map((field) => ({
    why: `${field} was changed after it was signed`,
    object: { ...valid, [field]: changed(valid[field]) },
    verdict: 'bad_signature',
  }));
  const missing = Object.keys(body).map((field) => {
    const { [field]: _, ...rest } = /** @type {Record<string, unknown>} */ (body);
    return { why: `${field} is missing`, object: sign(rest, signedText(kind, rest)), verdict: 'bad_fields' };
  });
  const reversed = JSON.stringify(Object.fromEntries(Object.entries(body).sort().reverse()));
  return [
    ...values,
    ...missing,
    {
      why: 'one bit of the signature is another',
      object: { ...valid, signature: changedBit(signature) },
      verdict: 'bad_signature',
    },
    {
      why: 'signed by another account',
      object: { ...body, signature: other.sign(Buffer.from(text)) },
      verdict: 'bad_signature',
    },
    {
      why: 'signed as another kind',
      object: sign(body, text.replace(`/${kind}\n`, '/hello\n')),
      verdict: 'bad_signature',
    },
    {
      why: 'signed without its kind',
      object: sign(body, text.slice(text.indexOf('\n') + 1)),
      verdict: 'bad_signature',
    },
    {
      why: 'signed with its fields in another order',
      object: sign(body, `qmesh/2/${kind}\n${reversed}`),
      verdict: 'bad_signature',
    },
    {
      why: 'S is not below the order of the group',
      object: { ...valid, signature: malleated(signature) },
      verdict: 'bad_signature',
    },
    {
      why: 'one field more, signed',
      object: sign({ ...body, more: 1 }, signedText(kind, { ...body, more: 1 })),
      verdict: 'bad_fields',
    },
    { why: `${number} is no whole number`, object: withNumber(1.5), verdict: 'bad_fields' },
    { why: `${number} is negative`, object: withNumber(-1), verdict: 'bad_fields' },
    { why: `${number} is 2^53`, object: withNumber(2 ** 53), verdict: 'bad_fields' },
    { why: `${number} is a string`, object: withNumber('1'), verdict: 'bad_fields' },
    { why: `${number} is null`, object: withNumber(null), verdict: 'bad_fields' },
    {
      why: `${signer} is in upper case`,
      object: { ...valid, [signer]: String(valid[signer]).toUpperCase() },
      verdict: 'bad_fields',
    },
    {
      why: 'the signature is in upper case',
      object: { ...valid, signature: signature.toUpperCase() },
      verdict: 'bad_fields',
    },
    { why: 'the signature is too short', object: { ...valid, signature: signature.slice(2) }, verdict: 'bad_fields' },
    { why: 'there is no signature', object: body, verdict: 'bad_fields' },
  ];
}

/** @param {string} signature */
const changedBit = (signature) => signature.slice(0, -1) + (parseInt(signature.slice(-1), 16) ^ 1).toString(16);

const accountOf = (/** @type {string} */ key) =>
  /** @type {Account} */ ([client, worker, other, ...validators].find(({ publicKey }) => publicKey === key));

function signedObjects() {
  const { order, receipt, ack } = claim();
  const [validator = other] = validators;
  const valid = { order, receipt, ack, attestation: attestation(receipt, validator) };
  const signers = { order: 'client', receipt: 'worker', ack: 'client', attestation: 'validator' };
  const kinds = /** @type {(keyof typeof valid)[]} */ (Object.keys(valid));
  const { signature: _, ...ackBody } = ack;
  return {
    about:
      'Signed objects. valid: the object, the text that is signed, and its hash. tampered: bad_fields where the object is not one of its kind, bad_signature where its author did not sign it.',
    accounts: Object.fromEntries(
      Object.entries({ client, worker, other, validator }).map(([name, { seed, publicKey }]) => [
        name,
        { seed, publicKey },
      ]),
    ),
    signers,
    valid: kinds.map((kind) => ({
      kind,
      object: valid[kind],
      signedText: signedText(kind, valid[kind]),
      hash: hashOf(kind, valid[kind]),
    })),
    tampered: [
      ...kinds.flatMap((kind) => tampered(kind, valid[kind], signers[kind]).map((each) => ({ kind, ...each }))),
      {
        kind: 'order',
        why: 'maxPrice is above 10,000',
        object: claim({ order: { maxPrice: 10_001 } }).order,
        verdict: 'bad_fields',
      },
      {
        kind: 'order',
        why: 'the id has other characters',
        object: claim({ order: { id: 'r 1' } }).order,
        verdict: 'bad_fields',
      },
      ...smallOrderKeys.map((key) => ({
        kind: 'ack',
        why: `forged under the key of small order ${key}`,
        object: forged('ack', 'client', ackBody, key),
        verdict: 'bad_signature',
      })),
    ],
  };
}

// ── text-hashes.json ─────────────────────────────────────────────────────────────────────────────────────────────────

function textHashes() {
  const texts = ['', 'count from 5', 'größer', 'e\u0301', '🦆👩‍👩‍👧', 'a\r\n\u0000\u2028b', 'x'.repeat(200)];
  const conversations = [
    [{ role: 'user', content: 'hi' }],
    [
      { role: 'system', content: 'Kürze "zählt"\n' },
      { role: 'user', content: '🦆?' },
      { role: 'assistant', content: '' },
    ],
  ];
  const salted = (/** @type {string} */ text) =>
    sha256(Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from(text, 'utf8')]));
  return {
    about: 'SHA-256 of the salt and the text (or the canonical JSON of the conversation), and its code points.',
    salt,
    texts: texts.map((text) => ({ text, hash: salted(text), chars: codePoints(text) })),
    conversations: conversations.map((messages) => ({
      messages,
      hash: salted(canonical(messages)),
      chars: messages.reduce((sum, { content }) => sum + codePoints(content), 0),
    })),
  };
}

/** In a separate file, because not every JSON parser accepts them. */
function loneSurrogates() {
  return {
    about:
      'Halves of surrogate pairs have no UTF-8: such texts have no hash, and nothing that holds one can be signed.',
    texts: ['\ud800', 'a\udc00b', '\udc00\ud800'],
    order: { ...claim().order, network: 'qmesh-\ud800' },
  };
}

// ── claims.json ──────────────────────────────────────────────────────────────────────────────────────────────────────

function claims() {
  const view = {
    nowMs: noonMs + 1_000,
    network,
    balance: 2_000,
    pledged: 0,
    banned: /** @type {string[]} */ ([]),
    knownReceipt: null,
  };
  const good = claim();
  /** @type {[why: string, verdict: string, changes: Changes, view?: object][]} */
  const cases = [
    ['everything holds', 'valid', {}],
    ["a guest's, without a balance", 'valid', { order: { maxPrice: 0 } }, { balance: 0 }],
    ['a failure scores nothing', 'valid', { receipt: { success: false, resultChars: 0, completionTokens: 0 } }],
    ['the receipt names another order', 'mismatch', { receipt: { order: sha256('another order') } }],
    ['the receipt names another client', 'mismatch', { receipt: { client: other.publicKey } }],
    ['the ack names another receipt', 'mismatch', { ack: { receipt: sha256('another receipt') } }],
    ['made for another mesh', 'wrong_network', { order: { network: `acme/${network}` } }],
    ['client and worker are one', 'same_account', { client: worker }],
    ['expires before it begins', 'bad_order_times', { order: { expiresAt: noonMs - 1_501 } }],
    ['good for more than 10 minutes', 'bad_order_times', { order: { expiresAt: noonMs - 1_500 + 600_001 } }],
    ['good for 10 minutes', 'valid', { order: { expiresAt: noonMs - 1_500 + 600_000 } }],
    ['a millipoint too much', 'wrong_score', { receipt: { score: 5_266 } }],
    ['a millipoint too little', 'wrong_score', { receipt: { score: 5_264 } }],
    ['speed inflated', 'wrong_score', { receipt: { speed: 5_000, score: 6_265 } }],
    ['complexity inflated', 'wrong_score', { receipt: { complexity: 3_000, score: 8_025 } }],
    ['quality inflated', 'wrong_score', { receipt: { quality: 2_000, score: 6_240 } }],
    ['parts shifted, the sum kept', 'wrong_score', { receipt: { speed: 4_001, complexity: 239 } }],
    ['a failure that scores', 'wrong_score', { receipt: { success: false, quality: 1_025, score: 5_265 } }],
    ['2 tokens a millisecond', 'valid', { receipt: { completionTokens: 2_400 } }],
    ['more than 2 tokens a millisecond', 'implausible', { receipt: { completionTokens: 2_401 } }],
    ['the client measured as much longer as may be', 'valid', { ack: { responseMs: 1_812 } }],
    ['the client measured longer', 'response_time', { ack: { responseMs: 1_813 } }],
    ['the client measured as much less as may be', 'valid', { ack: { responseMs: 710 } }],
    ['the client measured less', 'response_time', { ack: { responseMs: 709 } }],
    ['ordered 5 minutes after the end', 'valid', { order: { at: noonMs + 300_000, expiresAt: noonMs + 300_000 } }],
    ['ordered later', 'bad_clock', { order: { at: noonMs + 300_001, expiresAt: noonMs + 300_001 } }],
    ['finished a week ago', 'valid', {}, { nowMs: noonMs + 7 * dayMs }],
    ['finished longer ago', 'too_old', {}, { nowMs: noonMs + 7 * dayMs + 1 }],
    ['finished in 5 minutes', 'valid', {}, { nowMs: noonMs - 300_000 }],
    ['finished later', 'too_early', {}, { nowMs: noonMs - 300_001 }],
    ['another receipt of the order is known', 'double_receipt', {}, { knownReceipt: sha256('another receipt') }],
    ['this receipt is known', 'valid', {}, { knownReceipt: hashOf('receipt', good.receipt) }],
    ['the client is banned', 'banned', {}, { banned: [client.publicKey] }],
    ['the worker is banned', 'banned', {}, { banned: [worker.publicKey] }],
    ['the balance lacks a millipoint', 'overdrawn', {}, { balance: 1_999 }],
    ['pledged elsewhere', 'overdrawn', {}, { balance: 5_000, pledged: 3_001 }],
    ['the rest covers it', 'valid', {}, { balance: 5_000, pledged: 3_000 }],
    ['the price is the score where that is less', 'valid', { order: { maxPrice: 10_000 } }, { balance: 5_265 }],
  ];
  const forgeries = /** @type {const} */ (['order', 'receipt', 'ack']).map((kind) => ({
    why: `the ${kind} is signed by another account`,
    verdict: 'bad_signature',
    claim: { ...good, [kind]: signed(kind, { ...good[kind] }, other) },
    view,
  }));
  return {
    about:
      'Claims, what a validator knows when it judges them (the balance and the pledges are of the client), and its verdict.',
    cases: [
      ...cases.map(([why, verdict, changes, seen]) => ({
        why,
        verdict,
        claim: claim(changes),
        view: { ...view, ...seen },
      })),
      ...forgeries,
    ],
  };
}

// ── certificates.json ────────────────────────────────────────────────────────────────────────────────────────────────

function certificates() {
  const { order, receipt, ack } = claim();
  const good = validators.map((validator) => attestation(receipt, validator));
  const [a, b, c, d] = good;
  const [first = other, , third = other] = validators;
  const elsewhere = claim({ order: { id: 'r2' } }).receipt;
  return {
    about: 'One claim, and attestations that do or do not certify it for the validators named, with this threshold.',
    validators: validators.map(({ publicKey }) => publicKey),
    threshold: 3,
    claim: { order, receipt, ack },
    cases: [
      { why: 'three of four', certified: true, attestations: [a, b, c] },
      { why: 'all four', certified: true, attestations: [d, c, b, a] },
      { why: 'two', certified: false, attestations: [a, b] },
      { why: 'one of them twice', certified: false, attestations: [a, b, b, a] },
      { why: 'a stranger', certified: false, attestations: [a, b, attestation(receipt, other)] },
      { why: 'another verdict', certified: false, attestations: [a, b, attestation(receipt, third, 'overdrawn')] },
      { why: 'of another receipt', certified: false, attestations: [a, b, attestation(elsewhere, third)] },
      {
        why: 'signed by another validator',
        certified: false,
        attestations: [a, b, { ...c, signature: first.sign(Buffer.from('x')) }],
      },
      {
        why: 'a bad one among enough good ones',
        certified: true,
        attestations: [attestation(receipt, other), a, b, c],
      },
    ],
  };
}

// ── ledger.json ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** @typedef {{ hash: string, order: string, worker: string, client: string, maxPrice: number, score: number, success: boolean, complexity: number, responseMs: number, finishedAt: number }} Certified */

/** Certified receipts as the fold sees them, from a small number generator, and the resulting balances. */
function ledger() {
  let state = 42;
  const next = (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const accounts = Array.from({ length: 14 }, (_, n) => sha256(`account ${n}`));
  const certified = Array.from({ length: 260 }, (_, n) => {
    const conflicts = n % 20 === 19; // another receipt for the previous order
    const serial = conflicts ? n - 1 : n;
    const busy = serial < 190;
    const success = next(20) > 0;
    const facts = { resultChars: next(300), responseMs: next(4_000), success };
    const { complexity, score } = points({ promptChars: 100 + (serial % 80) }, facts);
    const finishedAt = noonMs + (serial % 2) * dayMs + next(dayMs / 2);
    return {
      hash: sha256(`receipt ${n}`),
      order: sha256(`order ${serial}`),
      worker: accounts[busy ? 0 : 1 + (serial % 2)] ?? '',
      client: accounts[3 + (serial % 11)] ?? '',
      maxPrice: serial % 4 === 3 ? 1_000 * (serial % 11) : 0,
      score,
      success,
      complexity,
      responseMs: facts.responseMs,
      finishedAt,
    };
  });
  const minters = accounts.slice(0, 2);
  return {
    about:
      'Certified receipts, and what the fold makes of them: for everyone, and where only the minters named create points.',
    certified,
    everyone: balances(certified, undefined),
    minters,
    mintersOnly: balances(certified, minters),
  };
}

/**
 * The formula of docs/ledger.md, for each account.
 * @param {Certified[]} certified
 * @param {string[] | undefined} minters
 */
function balances(certified, minters) {
  const counted = certified.filter(
    ({ order, hash }) => !certified.some((rival) => rival.order === order && rival.hash < hash),
  );
  const names = [...new Set(counted.flatMap((each) => [each.worker, each.client]))].sort();
  return names.map((id) => {
    const served = counted.filter((each) => each.worker === id);
    const good = served.filter(({ success }) => success);
    const days = new Set(served.map(({ finishedAt }) => Math.floor(finishedAt / dayMs)));
    const sum = (/** @type {number[]} */ numbers) => numbers.reduce((total, number) => total + number, 0);
    const paid = (/** @type {typeof counted} */ some) =>
      sum(some.map(({ score, maxPrice }) => Math.min(score, maxPrice)));
    const ofDay = (/** @type {number} */ day) =>
      served.filter(({ finishedAt, maxPrice }) => maxPrice === 0 && Math.floor(finishedAt / dayMs) === day);
    const awards = [
      good.length >= 1 && 5_000,
      good.filter(({ responseMs }) => responseMs < 2_000).length >= 10 && 20_000,
      good.filter(({ complexity }) => complexity === 3_000).length >= 25 && 25_000,
      new Set(good.map((each) => each.client)).size >= 10 && 25_000,
      good.length >= 100 && 50_000,
      good.length >= 1_000 && 200_000,
    ];
    const mayMint = minters === undefined || minters.includes(id);
    const minted = mayMint
      ? sum([...days].map((day) => Math.min(500_000, sum(ofDay(day).map(({ score }) => score)))))
      : 0;
    const awarded = mayMint ? sum(awards.map(Number)) : 0;
    const [earned, spent] = [paid(served), paid(counted.filter((each) => each.client === id))];
    return { account: id, balance: earned + minted + awarded - spent, earned, minted, awarded, spent };
  });
}

// ── hash-tree.json ───────────────────────────────────────────────────────────────────────────────────────────────────

function hashTree() {
  const hashes = Array.from({ length: 300 }, (_, n) => sha256(`receipt ${n}`));
  /** @param {string} prefix @returns {string} */
  const digest = (prefix) => {
    const inside = hashes.filter((hash) => hash.startsWith(prefix)).sort();
    const digits = Array.from({ length: 16 }, (_, digit) => digit.toString(16));
    const parts = inside.length <= 16 ? inside : digits.map((digit) => digest(prefix + digit));
    return sha256(Buffer.from(parts.join(''), 'hex'));
  };
  const [first = ''] = hashes;
  const prefixes = ['', '0', '7', 'f', first.slice(0, 2), first.slice(0, 3), first, '0'.repeat(64)];
  return {
    about: 'SHA-256 of "receipt 0" to "receipt 299" as the set of hashes, and digests of some prefixes.',
    count: hashes.length,
    digests: prefixes.map((prefix) => ({ prefix, digest: digest(prefix) })),
    ofNone: sha256(''),
  };
}

// ── shelf.json ───────────────────────────────────────────────────────────────────────────────────────────────────────

function shelf() {
  const subject = { network: 'acme/qmesh-models-v2', key: account('a connection').publicKey };
  const drive = account('a drive').publicKey;
  /** @param {object} changes applied before signing @param {Account} by @param {string} kind */
  const message = (changes = {}, by = worker, kind = 'shelf') => {
    const { signature } = signed(kind, { ...subject, node: worker.publicKey, drive, ...changes }, by);
    return { v: 2, type: 'shelf', node: worker.publicKey, drive, signature };
  };
  const valid = message();
  const badSignature = {
    'one bit of the signature is another': flipped(valid),
    'another identity signed it': message({}, other),
    'it was signed as something else': message({}, worker, 'hello'),
    'it is for another network': message({ network: 'qmesh-models-v2' }),
    'it is for the connection of somebody else': message({ key: other.publicKey }),
    'it is for another drive': message({ drive: other.publicKey }),
  };
  const badFields = {
    'the drive is shorter than a key': { ...valid, drive: drive.slice(2) },
    'the node is in capital letters': { ...valid, node: worker.publicKey.toUpperCase() },
    'the signature is missing': { ...valid, signature: undefined },
    'the version is another': { ...valid, v: 1 },
  };
  const refused = (/** @type {Record<string, object>} */ messages, /** @type {string} */ verdict) =>
    Object.entries(messages).map(([why, told]) => ({ why, verdict, message: told }));
  return {
    about:
      'What a node tells of its shelf on the models network. valid: it verifies for this network on a connection whose other end has this key. invalid: bad_fields where it is no such message, bad_signature where the node did not sign it for this.',
    seed: worker.seed,
    ...subject,
    signedText: signedText('shelf', { ...subject, node: worker.publicKey, drive }),
    valid: [valid, { ...valid, sometime: 'fields that are not known are ignored' }],
    invalid: [...refused(badSignature, 'bad_signature'), ...refused(badFields, 'bad_fields')],
  };
}

/** @param {{ signature: string }} message */
function flipped({ signature, ...rest }) {
  const bytes = Buffer.from(signature, 'hex');
  bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
  return { ...rest, signature: bytes.toString('hex') };
}

/** File name → contents, for test/vectors/. */
export function vectors() {
  return {
    'signed-objects.json': signedObjects(),
    'text-hashes.json': textHashes(),
    'lone-surrogates.json': loneSurrogates(),
    'claims.json': claims(),
    'certificates.json': certificates(),
    'ledger.json': ledger(),
    'hash-tree.json': hashTree(),
    'shelf.json': shelf(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'test/vectors');
  const layout = { .../** @type {object} */ (await resolveConfig(folder)), parser: 'json' };
  for (const [name, content] of Object.entries(vectors()))
    writeFileSync(join(folder, name), await format(JSON.stringify(content), layout));
}
