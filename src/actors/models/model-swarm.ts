/**
 * Who is connected on the models network, and which cores are spoken of with whom. It holds the connections, puts every open core on
 * every connection, and keeps out whom a fetch has caught at something.
 */
import type { NoiseStream } from 'hyperswarm';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock } from '../../runtime/clock.js';
import { carryBlocks } from './block-stream.js';
import type { ModelCore } from './model-core.js';

/** One that sent bad blocks. It may mend its file; nobody waits for that. */
const banMs = 3_600_000;
/** The oldest ban ends where there are more. */
const maxBans = 1_000;

export interface ModelSwarm {
  /** Takes a connection, or destroys it where its peer is banned. Its errors are listened to. */
  attach(stream: NoiseStream): void;
  /** Offers a core to all, or fetches it from all. Returns what takes it away again (the core itself is closed by its owner). */
  share(core: ModelCore): () => void;
  /** Fetches a core, and passes on what is there of it, with those who may bring something. */
  fetch(core: ModelCore): () => void;
  /** Somebody may be one who may bring something, and was not known to be. */
  reconsider(): void;
  /** Ends the connection with this peer and takes none from it for an hour. */
  ban(peerKey: string): void;
  /** Ends the connection; it may come again. */
  drop(peerKey: string): void;
  readonly peers: ReadonlySet<string>;
  close(): void;
}

export interface ModelSwarmOptions {
  readonly clock: Clock;
  /** Whether models are fetched from this peer. */
  mayBring(this: void, peerKey: string): boolean;
}

export function createModelSwarm({ clock, mayBring }: ModelSwarmOptions): ModelSwarm {
  const connections = new Map<string, NoiseStream>();
  const shared = new Set<ModelCore>();
  const fetched = new Set<ModelCore>();
  /** Those of the connections on which the fetched cores are. */
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
