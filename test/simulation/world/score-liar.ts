/**
 * A named validator that follows no rules, with no honest code behind it. It has a place on the network and a key that
 * counts, and uses them to attest to anything, tell each peer a different story, repeat what it heard, forge what it
 * can, send nonsense, or stay silent.
 */
import type { Connection } from '../../../src/actors/ports.js';
import { scoreKeySeedOf } from '../../../src/actors/score.tree.js';
import { encodeFrame, FrameDecoder } from '../../../src/protocol/frame.js';
import { createHello } from '../../../src/protocol/hello.js';
import { keyPairFromSeed, type KeyPair } from '../../../src/protocol/keys.js';
import { objectHash, signObject, type Attestation, type Claim } from '../../../src/protocol/signed-objects.js';
import { topicKey, topicName } from '../../../src/protocol/topics.js';
import { verdictRules } from '../../../src/rules/verdicts.js';
import type { Random } from '../../../src/runtime/random.js';
import { account } from '../../support/ledger-cases.js';
import type { ScoreWorld } from './score-world.js';

export const misdeeds = ['attests', 'equivocates', 'replays', 'forges', 'asks', 'denies', 'babbles'] as const;
export type Misdeed = (typeof misdeeds)[number];

/** Remembered per connection; beyond that, the oldest is forgotten. */
const maxHeard = 60;

export class ScoreLiar {
  readonly identity: KeyPair;
  readonly #world: ScoreWorld;
  readonly #random: Random;
  readonly #does: ReadonlySet<Misdeed>;
  readonly #connections = new Set<Connection>();
  readonly #heard: object[] = [];
  readonly #claims: Claim[] = [];

  /** @param does nothing at all: it stays silent */
  constructor(world: ScoreWorld, name: string, does: Iterable<Misdeed>) {
    this.identity = account(name);
    this.#world = world;
    this.#random = world.fork();
    this.#does = new Set(does);
    const network = topicName('scores');
    const keySeed = scoreKeySeedOf(Buffer.from(name.padEnd(32, '.').slice(0, 32)), '');
    const hello = createHello({ network, key: keyPairFromSeed(keySeed).publicKeyHex }, this.identity);
    const port = world.network.port(name);
    const dht = port.open({
      ready: () =>
        void dht.join(
          { topic: topicKey(network), keySeed, server: true, client: true, maxConnections: 64 },
          { connection: (connection) => this.#meet(connection, hello), failed: () => {}, closed: () => {} },
        ),
      failed: () => {},
      closed: () => {},
    });
  }

  /** Claims of which each peer is sent a different half. */
  spread(pairs: readonly (readonly [Claim, Claim])[]): void {
    for (const pair of pairs)
      for (const connection of this.#connections) {
        const claim = pair[this.#random.next() < 0.5 ? 0 : 1];
        const certificate = { ...claim, attestations: [this.attest(claim, 'valid')] };
        this.#write(connection, update([], [certificate]));
      }
  }

  /** One of its misdeeds, to one peer or all. */
  act(): void {
    const deeds = [...this.#does];
    const deed = deeds[Math.floor(this.#random.next() * deeds.length)];
    if (deed === undefined) return;
    for (const connection of this.#connections) if (this.#random.next() < 0.7) this.#do(deed, connection);
  }

  attest(claim: Claim, verdict: string): Attestation {
    return signObject(
      'attestation',
      {
        receipt: objectHash('receipt', claim.receipt),
        validator: this.identity.publicKeyHex,
        verdict,
        at: this.#world.clock.now(),
      },
      this.identity,
    );
  }

  #do(deed: Misdeed, connection: Connection): void {
    const claim = this.#pick(this.#claims);
    const heard = this.#pick(this.#heard);
    switch (deed) {
      case 'attests':
        if (claim !== undefined) this.#write(connection, verify([this.attest(claim, 'valid')]));
        return;
      case 'denies': {
        const words = Object.keys(verdictRules);
        if (claim !== undefined) this.#write(connection, verify([this.attest(claim, this.#pick(words) ?? 'valid')]));
        return;
      }
      case 'equivocates':
        return; // what it has to tell is handed to it: see spread
      case 'replays':
        if (heard !== undefined) this.#write(connection, heard);
        return;
      case 'forges':
        if (claim !== undefined) this.#forge(connection, claim);
        return;
      case 'asks':
        return this.#ask(connection);
      case 'babbles':
        connection.write(
          this.#random.next() < 0.2 ? this.#random.bytes(40) : encodeFrame({ v: 2, type: 'score_gossip' }),
        );
    }
  }

  /** Whatever it alters, somebody's signature no longer fits, or the wrong party signs. */
  #forge(connection: Connection, claim: Claim): void {
    const { order, receipt, ack } = claim;
    const worse = this.#pick<Claim>([
      { ...claim, receipt: { ...receipt, score: receipt.score + 1 } },
      { ...claim, receipt: { ...receipt, worker: this.identity.publicKeyHex } },
      { ...claim, order: { ...order, maxPrice: 10_000 } },
      { ...claim, order: { ...order, network: 'another/qmesh-inference-v2' } },
      { ...claim, ack: { ...ack, responseMs: ack.responseMs + 1 } },
      { ...claim, ack: { ...ack, signature: 'ab'.repeat(64) } },
      { ...claim, receipt: { ...receipt, completionTokens: 10 ** 9 } },
    ]);
    if (worse === undefined) return;
    const own = this.attest(worse, 'valid');
    const forged = this.#world.nodes.map(({ id }) => ({ ...own, validator: id }));
    this.#write(
      connection,
      update([worse], [{ ...(this.#random.next() < 0.5 ? claim : worse), attestations: forged }]),
    );
  }

  #ask(connection: Connection): void {
    const prefix = Buffer.from(this.#random.bytes(32))
      .toString('hex')
      .slice(0, Math.floor(this.#random.next() * 6));
    const digest = Buffer.from(this.#random.bytes(32)).toString('hex');
    const hashes = this.#claims.map(({ receipt }) => objectHash('receipt', receipt)).concat(digest);
    const keys = this.#random.next() < 0.5 ? [{ prefix: '', hashes }] : [];
    this.#write(connection, { v: 2, type: 'score_request', ranges: [{ prefix, digest }], keys });
  }

  #meet(connection: Connection, hello: object): void {
    const decoder = new FrameDecoder();
    this.#connections.add(connection);
    connection.write(encodeFrame(hello));
    connection.listen({
      data: (bytes) => {
        for (const outcome of decoder.push(bytes)) if (outcome.kind === 'object') this.#hear(outcome.value, connection);
      },
      closed: () => void this.#connections.delete(connection),
    });
  }

  #hear(message: Record<string, unknown>, connection: Connection): void {
    if (message.type === 'hello') return;
    this.#heard.push(message);
    if (this.#heard.length > maxHeard) this.#heard.shift();
    if (message.type !== 'score_update') return;
    const claims = (message as { receipts: Claim[] }).receipts;
    this.#claims.push(...claims);
    this.#claims.splice(0, Math.max(0, this.#claims.length - maxHeard));
    if (this.#does.has('attests') && claims.length > 0)
      this.#write(connection, verify(claims.map((claim) => this.attest(claim, 'valid'))));
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random.next() * items.length)];
  }

  #write(connection: Connection, message: object): void {
    connection.write(encodeFrame(message));
  }
}

const update = (receipts: object[], certificates: object[]): object => ({
  v: 2,
  type: 'score_update',
  receipts,
  certificates,
});
const verify = (attestations: Attestation[]): object => ({ v: 2, type: 'score_verify', attestations });
