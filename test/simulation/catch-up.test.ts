/**
 * A validator that was away while the others certified receipts gets what it lacks, and the bytes this takes depend on
 * what is missing, not on the size of the set. The soak uses thousands of receipts and prints the figures.
 */
import { expect, it } from 'vitest';
import type { NetworkPort } from '../../src/actors/ports.js';
import type { StoredCertificate } from '../../src/actors/scores/score-store.js';
import { leastThreshold, type ValidatorPolicy } from '../../src/rules/quorum.js';
import { account, attest, claimWith, hashOfReceipt, noonMs } from '../support/ledger-cases.js';
import { isSoak } from '../support/soak.js';
import { ScoreWorld, type ScoreNode } from './world/score-world.js';
import { tapped } from './world/tapped.js';

const names = ['v1', 'v2', 'v3', 'v4'];
const policy: ValidatorPolicy = {
  validators: names.map((name) => account(name).publicKeyHex),
  threshold: leastThreshold(names.length),
};

/** Certified by three of the four. */
function certificateOf(n: number): StoredCertificate {
  const finishedAt = noonMs - 86_400_000 + n * 1_000;
  const claim = claimWith({
    worker: account(`worker ${n % 5}`),
    client: account(`client ${n % 7}`),
    order: { id: `r${n}`, at: finishedAt - 1_500, expiresAt: finishedAt },
    receipt: { finishedAt },
    ack: { at: finishedAt + 30 },
  });
  return {
    ...claim,
    attestations: names.slice(0, 3).map((name) => attest(claim.receipt, account(name))),
    isSolo: false,
  };
}

/** A mesh whose last node has only the first certificates, and the cost of its catching up. */
function catchUp(all: readonly StoredCertificate[], had: number): { bytes: number; forMs: number } {
  const world = new ScoreWorld(11, policy);
  let bytes = 0;
  const mouth = (port: NetworkPort): NetworkPort =>
    tapped(port, (connection) => (frame) => {
      bytes += frame.length;
      connection.write(frame);
    });
  const filled = (name: string, some: readonly StoredCertificate[]): ScoreNode => {
    const node = world.start(name, { mouth });
    for (const certificate of some) node.disk.certificates.set(hashOfReceipt(certificate.receipt), certificate);
    world.restart(node, { mouth }); // it starts from what is on its disk
    return node;
  };
  const nodes = names.slice(0, 3).map((name) => filled(name, all));
  world.clock.advance(5_000);
  const late = filled('v4', all.slice(0, had));
  bytes = 0;
  const startedMs = world.clock.now();
  while (late.deps.ledger.counted.size < all.length && world.clock.now() < startedMs + 600_000)
    world.clock.advance(1_000);
  expect(late.deps.ledger.counted.size).toBe(all.length);
  expect(new Set([...nodes, late].map((node) => world.balances(node))).size).toBe(1);
  expect(world.escalations).toEqual([]);
  return { bytes, forMs: world.clock.now() - startedMs };
}

it('costs bytes for what is missing, not for the size of the set', () => {
  const missing = isSoak ? 10_000 : 120;
  const certificates = Array.from({ length: 2 * missing }, (_, n) => certificateOf(n));
  const certificateBytes = JSON.stringify(certificates[0]).length;
  const few = catchUp(certificates.slice(0, missing + missing / 10), missing / 10);
  const many = catchUp(certificates, missing);
  if (isSoak)
    for (const { bytes, forMs } of [few, many])
      console.info(
        `${missing} receipts in ${forMs / 1_000} s: ${bytes} bytes, ${Math.round(bytes / missing)} each, of ${certificateBytes}`,
      );
  expect(many.bytes / few.bytes).toBeLessThan(1.5);
  expect(many.bytes).toBeLessThan(1.7 * missing * certificateBytes); // some twice, where rounds overlap; from each of the three it would be 3
});
