/** What nodes gossip about, and how it is packed into messages that respect the limits on items and bytes. */
import { limits } from '../../protocol/limits.js';
import { protocolVersion } from '../../protocol/messages.js';
import type { ScoreMessage } from '../../protocol/score-messages.js';
import type { Attestation, Certificate, Claim, Evidence } from '../../protocol/signed-objects.js';

export type GossipItem =
  | { readonly kind: 'claim'; readonly item: Claim }
  | { readonly kind: 'certificate'; readonly item: Certificate }
  | { readonly kind: 'attestation'; readonly item: Attestation }
  | { readonly kind: 'evidence'; readonly item: Evidence };

/** `isKnownTo` is asked when the announcement leaves: whether this peer need not be told any more. */
export type Announcement = GossipItem & { readonly isKnownTo: (peer: string) => boolean };

/** As many messages as it takes. Claims and certificates come before the attestations and evidence about them. */
export function messagesOf(items: readonly GossipItem[]): ScoreMessage[] {
  const updates = items.filter(({ kind }) => kind === 'claim' || kind === 'certificate');
  const verifies = items.filter(({ kind }) => kind === 'attestation' || kind === 'evidence');
  return [...chunksOf(updates).map(updateOf), ...chunksOf(verifies).map(verifyOf)];
}

function updateOf(items: readonly GossipItem[]): ScoreMessage {
  const receipts = items.flatMap((each) => (each.kind === 'claim' ? [each.item] : []));
  const certificates = items.flatMap((each) => (each.kind === 'certificate' ? [each.item] : []));
  return { v: protocolVersion, type: 'score_update', receipts, certificates };
}

function verifyOf(items: readonly GossipItem[]): ScoreMessage {
  const attestations = items.flatMap((each) => (each.kind === 'attestation' ? [each.item] : []));
  const evidence = items.flatMap((each) => (each.kind === 'evidence' ? [each.item] : []));
  return {
    v: protocolVersion,
    type: 'score_verify',
    attestations,
    ...(evidence.length > 0 ? { evidence } : {}),
  };
}

/** The most that each takes in a frame: all of their fields have bounded lengths. */
const claimBytes = 2_600;
const attestationBytes = 450;

function bytesOf(each: GossipItem): number {
  switch (each.kind) {
    case 'claim':
      return claimBytes;
    case 'certificate':
      return claimBytes + attestationBytes * each.item.attestations.length;
    case 'attestation':
      return attestationBytes;
    case 'evidence':
      return 2 * claimBytes;
  }
}

function chunksOf(items: readonly GossipItem[]): GossipItem[][] {
  const chunks: GossipItem[][] = [];
  let chunk: GossipItem[] = [];
  let bytes = 0;
  for (const each of items) {
    if (chunk.length >= limits.maxScoreItems || bytes + bytesOf(each) > limits.maxFrameBytes - claimBytes) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(each);
    bytes += bytesOf(each);
  }
  return chunk.length > 0 ? [...chunks, chunk] : chunks;
}
