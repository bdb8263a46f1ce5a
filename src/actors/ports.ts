/**
 * The outside world, as actors see it. The real implementations open sockets and fork processes; the simulated ones in
 * test/ do the same on a virtual clock. All are callback-driven: a promise here would tie the order of a simulated run
 * to the microtask queue.
 */
import type { NoiseStream } from 'hyperswarm';
import type { EngineCommand, EngineEvent } from '../engine/messages.js';

/** One authenticated, encrypted, ordered stream of bytes to one peer. */
export interface Connection {
  /** The peer's Noise key, 64 hex characters. */
  readonly remoteKey: string;
  /** True on the side that dialled. */
  readonly initiator: boolean;
  /** For guests' rate limits; undefined if the transport does not know it. */
  readonly remoteAddress: string | undefined;
  /** Bytes written but not yet passed to the transport. */
  readonly unsentBytes: number;
  /** Queues bytes. No effect once closed. */
  write(bytes: Uint8Array): void;
  /** Closes at once, both directions. */
  destroy(): void;
  /** Flushes pending writes, then closes. */
  end(): void;
  /** Called once, by the actor that owns the connection. `closed` is the last call. */
  listen(on: ConnectionEvents): void;
}

export interface ConnectionEvents {
  data(bytes: Uint8Array): void;
  closed(): void;
}

/** Which mesh a node joins: its own machine's, one with given addresses, or the world's. */
export type Bootstrap =
  /** `port` is where the nodes of this machine meet; there is rarely a reason to choose it. */
  | { readonly kind: 'local'; readonly port?: number }
  | { readonly kind: 'public' }
  | { readonly kind: 'nodes'; readonly nodes: readonly { readonly host: string; readonly port: number }[] };

export interface NetworkPort {
  /** Opens the one DHT node of this process. `failed` and `closed` end it; at most one of them is called, once. */
  open(on: DhtEvents): Dht;
}

export interface DhtEvents {
  /** The node is usable. `bootstrap` is what another node needs to join the same mesh: `host:port,…` or 'public'. */
  ready(info: { readonly bootstrap: string; readonly holdsLocal: boolean }): void;
  failed(error: Error): void;
  closed(): void;
}

export interface Dht {
  /** One Hyperswarm instance on one topic. Never awaits the network. */
  join(options: TopicOptions, on: TopicEvents): Topic;
  close(): void;
}

export interface TopicOptions {
  /** 32-byte topic key, hex. */
  readonly topic: string;
  /** ed25519 seed of the key pair with which this swarm listens or dials. */
  readonly keySeed: Uint8Array;
  /** Announces itself and accepts connections. */
  readonly server: boolean;
  /** Looks others up and dials them. */
  readonly client: boolean;
  /** Inbound connections beyond this are closed at once: Hyperswarm's own options do not limit them. */
  readonly maxConnections: number;
}

export interface TopicEvents {
  connection(connection: Connection): void;
  /**
   * If given, it receives every connection as a bare stream, for protocols that need that (Hypercore's); `connection`
   * then gets none.
   */
  stream?(stream: NoiseStream): void;
  /** Every peer found on joining the topic is now connected or unreachable. A simulated network does not call this. */
  looked?(): void;
  failed(error: Error): void;
  closed(): void;
}

export interface Topic {
  /** Repeats the lookup or announcement. */
  refresh(): void;
  /** Dials a peer by its key, whether or not a lookup finds it. */
  dial(remoteKey: string): void;
  close(): void;
}

export interface EnginePort {
  /** Starts an engine process. `exited` is the last call, and is called exactly once. */
  spawn(on: EngineProcessEvents): EngineProcess;
}

export interface EngineProcessEvents {
  message(event: EngineEvent): void;
  exited(how: { readonly code: number | null; readonly signal: string | null; readonly stderrTail: string }): void;
}

export interface EngineProcess {
  readonly pid: number | undefined;
  /** No effect once the process is gone. */
  send(command: EngineCommand): void;
  /** SIGKILL. */
  kill(): void;
}
