/**
 * The connections on the score network on which a good hello was said. They live outside the actors, so that consensus may fail and be
 * restarted while they stand.
 *
 * Delivery is best effort. What a slow peer has no room for is dropped, and anti-entropy delivers it when the peer reads again; a peer that does
 * not read at all is closed.
 */
import { encodeFrame } from '../../protocol/frame.js';
import { limits } from '../../protocol/limits.js';
import type { ScoreMessage } from '../../protocol/score-messages.js';
import type { Answers } from '../../rules/seen.js';
import type { Connection } from '../ports.js';

/** A peer with more unread bytes than this is sent nothing until it has read some. */
export const maxGossipUnsentBytes = 2 * limits.maxFrameBytes;
/** Frames that a peer was asked for, and which are read without regard to its pace. */
const maxAwaitedFrames = 4;

interface ScorePeer {
  readonly connection: Connection;
  readonly node: string;
  /** False for one that only looks up. */
  readonly isWorker: boolean;
  answers: Answers;
  /** Of certificates that it was asked for. */
  awaitedFrames: number;
}

export class ScorePeers {
  readonly #peers = new Map<string, ScorePeer>();

  /** It has said who it is. */
  open(peer: string, connection: Connection, node: string, isWorker: boolean): void {
    this.#peers.set(peer, { connection, node, isWorker, answers: 'unasked', awaitedFrames: 0 });
  }

  close(peer: string): void {
    this.#peers.delete(peer);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** The earliest first. */
  names(): string[] {
    return [...this.#peers.keys()];
  }

  node(peer: string): string | undefined {
    return this.#peers.get(peer)?.node;
  }

  isWorker(peer: string): boolean {
    return this.#peers.get(peer)?.isWorker ?? false;
  }

  /** This node dialled it. The side that dialled begins what either of the two could begin. */
  isDialled(peer: string): boolean {
    return this.#peers.get(peer)?.connection.initiator ?? false;
  }

  /** All but those that said they only look things up, and what each has shown so far. */
  workers(): ReadonlyMap<string, Answers> {
    return new Map([...this.#peers.values()].filter((each) => each.isWorker).map((each) => [each.node, each.answers]));
  }

  /** It says this. */
  heard(peer: string, message: ScoreMessage): void {
    const known = this.#peers.get(peer);
    if (known === undefined || message.type !== 'score_verify') return;
    if (message.attestations.some(({ validator }) => validator === known.node)) known.answers = 'attests';
  }

  /** Whether it reads what it is sent. */
  hasRoom(peer: string): boolean {
    const unsentBytes = this.#peers.get(peer)?.connection.unsentBytes ?? Infinity;
    return unsentBytes < maxGossipUnsentBytes;
  }

  /** @throws FrameTooLargeError. No effect where the peer is gone, or has too much unread. @returns whether it was sent. */
  send(peer: string, message: ScoreMessage): boolean {
    return this.write([peer], message) > 0;
  }

  /** The same to many, in one frame. @returns to how many it went. */
  write(peers: Iterable<string>, message: ScoreMessage): number {
    const frame = encodeFrame(message);
    const asks = message.type === 'score_update' && message.receipts.length > 0;
    let sent = 0;
    for (const peer of peers) {
      const known = this.#peers.get(peer);
      if (known === undefined || !this.hasRoom(peer)) continue;
      known.connection.write(frame);
      if (asks && known.answers === 'unasked') known.answers = 'asked';
      sent++;
    }
    return sent;
  }

  /** It was asked for certificates: the answer is read at once. */
  await(peer: string): void {
    const known = this.#peers.get(peer);
    if (known !== undefined) known.awaitedFrames = Math.min(maxAwaitedFrames, known.awaitedFrames + 1);
  }

  /** Whether a frame of certificates is awaited from it. */
  isAwaited(peer: string): boolean {
    return (this.#peers.get(peer)?.awaitedFrames ?? 0) > 0;
  }

  /** One of the awaited frames came. */
  arrived(peer: string): void {
    const known = this.#peers.get(peer);
    if (known !== undefined) known.awaitedFrames = Math.max(0, known.awaitedFrames - 1);
  }

  /** All places are taken: disconnects one that only looks up, if there is one. */
  makeRoom(): void {
    const client = [...this.#peers].find(([, { isWorker }]) => !isWorker);
    if (client === undefined) return;
    this.close(client[0]);
    client[1].connection.destroy();
  }
}
