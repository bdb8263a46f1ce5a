/**
 * The attacks, each a function that plays it and returns the result. Points are for one day, by the fold. The reference
 * is one worker that serves guests all day, which is the most anybody can earn in a day.
 */
import { agreeOnResponse, examine } from '../../dist/rules/claim.js';
import { banMs } from '../../dist/rules/evidence.js';
import { Outstanding } from '../../dist/rules/outstanding.js';
import { scoreOf } from '../../dist/rules/points.js';
import { isCertified } from '../../dist/rules/quorum.js';
import { attest, claimOf, dayMs, FraudMesh, identity, network, startMs } from './mesh.js';

/** @typedef {import('../../dist/protocol/keys.js').KeyPair} KeyPair */

/**
 * @typedef {object} Outcome
 * @property {string} attack
 * @property {string} policy
 * @property {number} gain points of the attackers after a day
 * @property {number} honest points of one honest worker after the same day; of who is attacked, where somebody is
 * @property {string} detected when and by what
 * @property {string} harm to honest ones
 */

const validators = ['v1', 'v2', 'v3', 'v4'].map(identity);
const ids = validators.map(({ publicKeyHex }) => publicKeyHex);
const named = /** @type {const} */ ({ validators: ids, threshold: 3 });
const seen = /** @type {const} */ ({ validators: 'seen' });
const honest = identity('honest');

/** Enough guests' requests to fill a day's cap and all achievements: 1,000 for Marathon. @param {boolean} smoke */
const requestsOfADay = (smoke) => (smoke ? 60 : 1_000);

/**
 * A worker that serves guests all day. The first requests are judged one by one; the rest differ in nothing that is judged.
 * @param {FraudMesh} mesh @param {KeyPair} worker @param {readonly KeyPair[]} clients @param {number} requests
 */
function serveGuests(mesh, worker, clients, requests) {
  for (let n = 0; n < requests; n++) {
    const client = clients[n % clients.length];
    if (client === undefined) continue;
    const id = `${worker.publicKeyHex.slice(0, 8)}-${n}`;
    const atMs = startMs + n * 60_000;
    if (n < 3) mesh.submit(claimOf({ client, worker, id, atMs }));
    else mesh.count(unsigned(worker, client, id, atMs));
  }
}

/** @param {KeyPair} worker @param {KeyPair} client @param {string} id @param {number} atMs */
const unsigned = (worker, client, id, atMs) => ({
  hash: `${id}-${worker.publicKeyHex}`,
  order: `${id}-${worker.publicKeyHex}`,
  worker: worker.publicKeyHex,
  client: client.publicKeyHex,
  maxPrice: 0,
  score: scoreOf({ promptChars: 150, resultChars: 200, responseMs: 900, success: true }).score,
  success: true,
  complexity: 3_000,
  responseMs: 900,
  finishedAt: Math.min(atMs, startMs + dayMs - 120_000),
});

const guests = Array.from({ length: 12 }, (_, n) => identity(`guest ${n}`));

/** @param {'seen' | 'named' | 'minters'} kind @param {readonly KeyPair[]} fakes */
function meshUnder(kind, fakes) {
  if (kind === 'seen')
    return new FraudMesh({
      policy: seen,
      validators: [honest, ...fakes],
      liars: fakes.map(({ publicKeyHex }) => publicKeyHex),
    });
  return new FraudMesh({
    policy: named,
    validators,
    ...(kind === 'minters' ? { minters: [honest.publicKeyHex] } : {}),
  });
}

const policyNames = { seen: 'seen (default)', named: 'named validators', minters: 'named, with minters' };
const policies = /** @type {const} */ (['seen', 'named', 'minters']);

/** Identities of one hand that serve each other, on paper: no token is computed. @param {number} count */
const ring = (count) => (/** @type {boolean} */ smoke) =>
  policies.map((kind) => {
    const fakes = Array.from({ length: count }, (_, n) => identity(`fake ${n}`));
    const mesh = meshUnder(kind, fakes);
    for (const fake of fakes)
      serveGuests(
        mesh,
        fake,
        fakes.filter((other) => other !== fake),
        requestsOfADay(smoke),
      );
    serveGuests(mesh, honest, guests, requestsOfADay(smoke));
    return {
      attack: count === 3 ? 'ring of 3 that serves itself' : `${count} fake identities`,
      policy: policyNames[kind],
      gain: mesh.points(fakes),
      honest: mesh.points([honest]),
      detected: kind === 'minters' ? 'not needed: they may not create points' : 'never: each receipt is in order',
      harm: kind === 'minters' ? 'none' : 'they stand in line as high as those who worked',
    };
  });

/** One certificate, shown again and again, and on another mesh. */
function replay() {
  const mesh = meshUnder('named', []);
  const [worker, client] = [identity('replayer'), identity('friend')];
  const claim = claimOf({ worker, client, id: 'once' });
  mesh.submit(claim);
  const once = mesh.points([worker]);
  for (let n = 0; n < 100; n++) mesh.submit(claim, startMs + 1_000 + n);
  const elsewhere = examine({ ...claim, order: { ...claim.order } }, 'another-mesh');
  return [
    {
      attack: 'one receipt shown 100 times',
      policy: policyNames.named,
      gain: mesh.points([worker]) - once,
      honest: once,
      detected: `at once: it is known; on another mesh ${elsewhere.kind === 'unsound' ? elsewhere.fault : 'valid'}`,
      harm: 'none',
    },
  ];
}

/** An honest client acks what it has counted itself; a dishonest one makes it a ring. */
function inflation() {
  const mesh = meshUnder('named', []);
  const [worker, client] = [identity('inflater'), identity('client')];
  mesh.submit(claimOf({ worker, client, id: 'honest' }));
  const fair = mesh.points([worker]);
  const verdicts = [
    mesh.submit(claimOf({ worker, client, id: 'tokens', completionTokens: 1_000_000 })),
    mesh.submit(claimOf({ worker, client, id: 'score', forged: { score: 10_000_000 } })),
    mesh.submit(claimOf({ worker, client, id: 'complexity', forged: { complexity: 30_000, score: 39_000 } })),
  ].map(({ verdict }) => verdict);
  return [
    {
      attack: 'inflated tokens, score, complexity',
      policy: policyNames.named,
      gain: mesh.points([worker]) - fair,
      honest: fair,
      detected: `at once: ${[...new Set(verdicts)].join(', ')}; tokens count for no points at all`,
      harm: 'none',
    },
  ];
}

/** The fastest time that a worker can claim while an honest client, which measured the true one, still acks. */
function impossibleSpeed() {
  let most = 0;
  let at = { trueMs: 0, claimedMs: 0 };
  for (let trueMs = 50; trueMs <= 40_000; trueMs += 10) {
    let claimedMs = trueMs;
    while (claimedMs > 0 && agreeOnResponse(trueMs, claimedMs - 10)) claimedMs -= 10;
    const facts = { promptChars: 150, resultChars: 200, success: true };
    const gain = scoreOf({ ...facts, responseMs: claimedMs }).score - scoreOf({ ...facts, responseMs: trueMs }).score;
    if (gain > most) [most, at] = [gain, { trueMs, claimedMs }];
  }
  const mesh = meshUnder('named', []);
  const { verdict } = mesh.submit(
    claimOf({
      worker: identity('fast'),
      client: identity('client'),
      id: 'fast',
      responseMs: 1,
      clientMs: 8_000,
      completionTokens: 2,
    }),
  );
  return [
    {
      attack: 'impossible speed',
      policy: policyNames.named,
      gain: most / 1_000,
      honest: scoreOf({ promptChars: 150, resultChars: 200, success: true, responseMs: at.trueMs }).score / 1_000,
      detected: `beyond the tolerance at once: ${verdict}; within it never (${at.trueMs} ms told as ${at.claimedMs})`,
      harm: 'a point a request, from who pays',
    },
  ];
}

/** Signs two receipts for one order, is banned, and comes back under a new name. */
function whitewashing() {
  const mesh = meshUnder('named', []);
  const [worker, client, again] = [identity('cheat'), identity('client'), identity('cheat, new name')];
  const first = claimOf({ worker, client, id: 'double' });
  mesh.submit(first);
  const kept = mesh.points([worker]);
  const second = claimOf({ worker, client, id: 'double', resultChars: 10 });
  const { verdict } = mesh.submit(second);
  const isBanned = mesh.isBanned(worker, first.receipt.finishedAt + 2_000);
  const refused = mesh.submit(claimOf({ worker, client: identity('other client'), id: 'after' })).verdict;
  const fresh = mesh.submit(claimOf({ worker: again, client: identity('other client'), id: 'fresh' }));
  return [
    {
      attack: 'two receipts for one order',
      policy: policyNames.named,
      gain: mesh.points([worker]) - kept,
      honest: kept,
      detected: `at once: ${verdict}; ${isBanned ? `banned for ${banMs / dayMs} days (${refused})` : 'not banned'}`,
      harm: 'none',
    },
    {
      attack: 'whitewashing: a new name after a ban',
      policy: policyNames.named,
      gain: fresh.counts ? mesh.points([again]) : 0,
      honest: kept,
      detected: 'never: it is a newcomer, with the points of its first request and none of the old ones',
      harm: 'the 5 points of First Light once a name; --minters ends that',
    },
  ];
}

/** Takes answers and never acks, at one worker, for an hour. */
function neverAcks() {
  const outstanding = new Outstanding();
  let taken = 0;
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1_000) {
    outstanding.expire(nowMs);
    // Who is not refused yet and might be waits until that is decided.
    if (outstanding.undecidedForMs('leech', nowMs) > 0 || outstanding.refusedForMs('leech', nowMs) > 0) continue;
    outstanding.add(`r${taken++}`, 'leech', nowMs);
  }
  return [
    {
      attack: 'a client that never acks',
      policy: 'any',
      gain: 0,
      honest: 0,
      detected: 'at the fourth question: with more than 2 results not acknowledged it is refused for 10 minutes',
      harm: `${taken} answers an hour that score nothing, of 3,600 asked for, at each worker and for each name`,
    },
  ];
}

/** Fewer and more than a third of four named validators attest to both of two receipts for one order. */
function beyondTheBound() {
  return [1, 2].map((count) => {
    const liars = validators.slice(0, count);
    const mesh = new FraudMesh({ policy: named, validators });
    const [worker, client] = [identity('double'), identity('accomplice')];
    const claims = [200, 10].map((resultChars) => claimOf({ worker, client, id: 'one-order', resultChars }));
    // Each honest validator attests to the one that it heard of first: half of them to each.
    const honestOnes = validators.slice(count);
    const certified = claims.filter((claim, n) => {
      const voters = [...liars, ...honestOnes.filter((_, place) => place % 2 === n)];
      return isCertified({ ...claim, attestations: voters.map((voter) => attest(claim, voter, startMs)) }, mesh.quorum);
    });
    for (const claim of certified) {
      const examined = examine(claim, network);
      if (examined.kind === 'sound') mesh.count(examined.facts.entry);
    }
    return {
      attack: `two receipts for one order, ${count} of 4 validators lie`,
      policy: policyNames.named,
      gain: 0,
      honest: mesh.points([worker]),
      detected:
        certified.length > 1
          ? 'both are certified: the fold counts one, and whoever sees both bans the signer'
          : 'at most one is certified',
      harm: certified.length > 1 ? 'balances may change for a moment, until both are known' : 'none',
    };
  });
}

/** @type {readonly ((smoke: boolean) => Outcome[])[]} */
export const attacks = [ring(3), ring(50), replay, inflation, impossibleSpeed, whitewashing, neverAcks, beyondTheBound];
