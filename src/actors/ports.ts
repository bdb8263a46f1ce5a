/**
 * The outside world, as actors see it. The real implementations open sockets and fork processes; the simulated ones of
 * test/ do the same on a virtual clock. All of them are callback-driven: a promise on this path would tie the order of
 * a simulated run to the microtask queue.
 */
import type { NoiseStream } from 'hyperswarm';
import type { EngineCommand, EngineEvent } from '../engine/messages.js';

/** One authenticated, encrypted, ordered stream of bytes to one peer. */
export interface Connection {
  /** The peer's Noise key, 64 hex characters. */
  readonly remoteKey: string;
  /** True on the side that dialled. */
  readonly initiator: boolean;
  /** For rate limits of guests; undefined where the transport does not know. */
  readonly remoteAddress: string | undefined;
  /** Bytes written and not yet given to the transport. */
  readonly unsentBytes: number;
  /** Queues bytes. No effect once closed. */
  write(bytes: Uint8Array): void;
  /** Closes at once, both directions. */
  destroy(): void;
  /** Flushes what was written, then closes. */
  end(): void;
  /** Called once, by the actor that owns the connection. `closed` is the last call. */
  listen(on: ConnectionEvents): void;
}

export interface ConnectionEvents {
  data(bytes: Uint8Array): void;
  closed(): void;
}

/** Where a node joins: its own machine, addresses given by the user, or the world. */
export type Bootstrap =
  /** `port` is where the nodes of this machine meet; usually there is no reason to choose it. */
  | { readonly kind: 'local'; readonly port?: number }
  | { readonly kind: 'public' }
  | { readonly kind: 'nodes'; readonly nodes: readonly { readonly host: string; readonly port: number }[] };

export interface NetworkPort {
  /** Opens the one DHT node of this process. `failed` and `closed` end it; at most one of them is called, once. */
  open(on: DhtEvents): Dht;
}

export interface DhtEvents {
  /** Usable. `bootstrap` is what another node would be given to join the same mesh, as `host:port,…` or 'public'. */
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
  /** ed25519 seed of the key pair that this swarm listens or dials with. */
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
  /** Where given, it gets every connection as its bare stream, for a protocol that needs that (Hypercore's); `connection` gets none then. */
  stream?(stream: NoiseStream): void;
  /** Every peer that was found when the topic was joined is connected by now, or cannot be reached. A simulated network does not say so. */
  looked?(): void;
  failed(error: Error): void;
  closed(): void;
}

export interface Topic {
  /** Looks up, or announces, again. */
  refresh(): void;
  /** Dials a peer that is known by its key, whether or not the look-up finds it. */
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
