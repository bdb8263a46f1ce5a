/** A real worker that names two validators: itself, and the stranger that a test is. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DialledWorker } from './dialled-worker.js';
import { attestationOf, receiptHash, scoreTopic, ScorePeer, type Claim } from './score-wire.js';
import { Account, type Mesh, type WireClient } from './wire-client.js';

export class ScoreWorker {
  /** What it counts, as far as it follows from what it was sent. */
  readonly counted: string[] = [];

  private constructor(
    readonly dialled: DialledWorker,
    readonly account: Account,
    readonly validator: Account,
    /** The key of the worker's end on the score network. */
    readonly scoreKey: string,
  ) {}

  static async start(): Promise<ScoreWorker> {
    const seed = randomBytes(32);
    const [account, validator] = [new Account(seed), new Account()];
    const home = mkdtempSync(join(tmpdir(), 'qmesh-worker-'));
    writeFileSync(join(home, 'identity.key'), seed.toString('hex'), { mode: 0o600 });
    const policy = { QMESH_VALIDATORS: `${account.node},${validator.node}`, QMESH_THRESHOLD: '2' };
    const dialled = await DialledWorker.start(policy, home);
    return new ScoreWorker(dialled, account, validator, await scoreKeyOf(dialled.mesh, account));
  }

  /** On the inference network. */
  ask(account: Account): Promise<WireClient> {
    return this.dialled.dial(account);
  }

  /** On the score network. */
  dial(account: Account, role?: 'client'): Promise<ScorePeer> {
    return ScorePeer.dial(this.dialled.mesh, this.scoreKey, account, role);
  }

  /** Brings claims to be certified, as the second validator. */
  async certify(peer: ScorePeer, claims: readonly Claim[]): Promise<void> {
    peer.update({ receipts: claims });
    const attested = await Promise.all(claims.map((claim) => peer.attestation(receiptHash(claim))));
    const certificates = claims.map((claim, n) => ({
      ...claim,
      attestations: [attested[n]!, attestationOf(this.validator, receiptHash(claim))],
    }));
    peer.update({ certificates });
    this.counted.push(...claims.map(receiptHash));
    await expect.poll(() => peer.counted(receiptHash(claims.at(-1)!)), { timeout: 10_000 }).not.toEqual([]);
  }
}

/** Found through the topic. Where other meshes are on this machine one of theirs may stray here. */
async function scoreKeyOf(mesh: Mesh, { node }: Account): Promise<string> {
  for (;;) {
    const found = await mesh.find(scoreTopic);
    if (found.received[0]!.message.node === node) return found.workerId;
    await found.close();
  }
}
