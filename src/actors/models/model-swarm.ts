/**
 * Holds the connections of the models network and decides which cores are replicated with whom. Shared cores are
 * replicated on every connection, fetched ones only with peers that models may be fetched from. Peers banned by a fetch
 * are kept out.
 */
import type { NoiseStream } from 'hyperswarm';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock } from '../../runtime/clock.js';
import { carryBlocks } from './block-stream.js';
import type { ModelCore } from './model-core.js';

/** For peers that sent bad blocks. They may repair their file; nobody waits for that. */
const banMs = 3_600_000;
/** Beyond this, the oldest ban is lifted. */
const maxBans = 1_000;

export interface ModelSwarm {
  /** Takes over a connection and handles its errors; destroys it if its peer is banned. */
  attach(stream: NoiseStream): void;
  /** Shares a core with all peers. Returns a function that stops it; the core itself is closed by its owner. */
  share(core: ModelCore): () => void;
  /**
   * Fetches a core from the peers that models may be fetched from, and passes on to them the blocks that are here.
   * Returns a function that stops it.
   */
  fetch(core: ModelCore): () => void;
  /** Evaluates `mayBring` again for the connected peers: more of them may now be allowed. */
  reconsider(): void;
  /** Disconnects this peer and accepts no connection from it for an hour. */
  ban(peerKey: string): void;
  /** Disconnects this peer; it may reconnect. */
  drop(peerKey: string): void;
  readonly peers: ReadonlySet<string>;
  close(): void;
}

export interface ModelSwarmOptions {
  readonly clock: Clock;
  /** Whether models may be fetched from this peer. */
  mayBring(this: void, peerKey: string): boolean;
}

export function createModelSwarm({ clock, mayBring }: ModelSwarmOptions): ModelSwarm {
  const connections = new Map<string, NoiseStream>();
  const shared = new Set<ModelCore>();
  const fetched = new Set<ModelCore>();
  /** Connections on which the fetched cores are replicated. */
  const bringing = new Set<NoiseStream>();
  const bans = new BoundedMap<string, number>(maxBans);

  const isBanned = (peerKey: string): boolean => (bans.get(peerKey) ?? 0) > clock.now();
  const drop = (peerKey: string): void => connections.get(peerKey)?.destroy();
  const consider = (peerKey: string, stream: NoiseStream): void => {
    if (bringing.has(stream) || !mayBring(peerKey)) return;
    bringing.add(stream);
    for (const { core } of fetched) core.replicate(stream);
  };

  return {
    attach(stream) {
      const peerKey = Buffer.from(stream.remotePublicKey).toString('hex');
      stream.on('error', () => {}); // `close` follows
      if (isBanned(peerKey)) {
        stream.destroy();
        return;
      }
      carryBlocks(stream);
      connections.set(peerKey, stream); // a second one replaces the first, which the transport is about to end
      stream.on('close', () => {
        bringing.delete(stream);
        if (connections.get(peerKey) === stream) connections.delete(peerKey);
      });
      for (const { core } of shared) core.replicate(stream);
      consider(peerKey, stream);
    },
    share(core) {
      shared.add(core);
      for (const stream of connections.values()) core.core.replicate(stream);
      return () => void shared.delete(core);
    },
    fetch(core) {
      fetched.add(core);
      for (const stream of bringing) core.core.replicate(stream);
      return () => void fetched.delete(core);
    },
    reconsider() {
      for (const [peerKey, stream] of connections) consider(peerKey, stream);
    },
    ban(peerKey) {
      bans.set(peerKey, clock.now() + banMs);
      drop(peerKey);
    },
    drop,
    get peers() {
      return new Set(connections.keys());
    },
    close() {
      for (const stream of connections.values()) stream.destroy();
    },
  };
}
