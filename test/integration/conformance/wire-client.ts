/**
 * A client written from docs/protocol.md alone: plain Hyperswarm and bytes, nothing of src/. It is the stranger whose
 * program has to work with a worker of ours, so it must not share a mistake with it. Its ed25519 is OpenSSL's.
 */
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

export type Message = Record<string, any> & { type: string };

export interface Stream {
  readonly publicKey: Buffer;
  readonly remotePublicKey: Buffer;
  write(bytes: Uint8Array): boolean;
  on(event: 'data', listener: (bytes: Buffer) => void): void;
  on(event: 'open' | 'close', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}
interface NoiseKeys {
  publicKey: Buffer;
  secretKey: Buffer;
}
interface DhtNode {
  connect(remotePublicKey: Buffer, options: { keyPair: NoiseKeys }): Stream;
  destroy(): Promise<void>;
}
interface Swarm {
  join(
    topic: Buffer,
    options: { server: boolean; client: boolean },
  ): { refresh(): Promise<void>; flushed(): Promise<unknown>; destroy(): Promise<void> };
  on(event: 'connection', listener: (stream: Stream) => void): void;
  destroy(): Promise<void>;
}

const require = createRequire(import.meta.url);
export const HyperDht = require('hyperdht') as {
  new (options: object): DhtNode;
  keyPair(seed: Buffer): NoiseKeys;
};
export const Hyperswarm = require('hyperswarm') as new (options: object) => Swarm;

export const topicName = 'qmesh-inference-v2';

/** The mesh that a test runs in: one DHT node of its own, and a bootstrap to find the others. */
export class Mesh {
  readonly #dht: DhtNode;
  readonly #clients = new Set<WireClient>();

  constructor(readonly bootstrap: { host: string; port: number }[]) {
    this.#dht = this.#node();
  }

  #node(): DhtNode {
    return new HyperDht({ bootstrap: this.bootstrap, host: '127.0.0.1', firewalled: false });
  }

  /** Finds any worker through a topic, as a program that knows nobody does. */
  async find(topic = topicName): Promise<WireClient> {
    const dht = this.#node();
    const swarm = new Hyperswarm({ dht, keyPair: HyperDht.keyPair(randomBytes(32)) });
    const found = new Promise<Stream>((resolve) => swarm.on('connection', resolve));
    const topicKey = createHash('sha256').update(topic).digest();
    const discovery = swarm.join(topicKey, { server: false, client: true });
    // A worker that announces itself only after the first look-up would be found minutes later.
    const retry = setInterval(() => void discovery.refresh().catch(() => undefined), 1_000);
    const client = this.#track(
      new WireClient(await found, async () => {
        await swarm.destroy();
        await dht.destroy();
      }),
    );
    clearInterval(retry);
    await client.frame(() => true);
    return client;
  }

  /**
   * Dials a worker by its ID, each time from a fresh key, and says whose program it is, where it is anyone's. A half-open
   * connection gets no first frame: it is dialled again.
   */
  async dial(workerId: string, account?: Account): Promise<WireClient> {
    for (let attempt = 1; ; attempt++) {
      const keyPair = HyperDht.keyPair(randomBytes(32));
      const client = this.#track(new WireClient(this.#dht.connect(Buffer.from(workerId, 'hex'), { keyPair })));
      try {
        await client.frame(() => true, 3_000);
        if (account !== undefined) client.hello(account);
        return client;
      } catch (error) {
        await client.close();
        if (attempt === 3) throw error;
      }
    }
  }

  #track(client: WireClient): WireClient {
    this.#clients.add(client);
    return client;
  }

  /** Closes every client that was made since the last time. */
  async closeClients(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
    this.#clients.clear();
  }

  async destroy(): Promise<void> {
    await this.closeClients();
    await this.#dht.destroy();
  }
}

export interface Answer {
  /** The frames of the request in the order in which they came. */
  readonly frames: readonly Message[];
  readonly tokens: readonly Message[];
  /** The texts of the tokens, joined. */
  readonly streamed: string;
  /** inference_result or inference_error. */
  readonly end: Message;
}

/** The end of what is asked, asked again for as long as it comes too early: all guests of one machine share a bucket. */
export async function patiently(ask: () => Promise<{ readonly end: Message }>): Promise<Message> {
  for (;;) {
    const { end } = await ask();
    if (end.code !== 'rate_limited') return end;
    await delay(end.retryAfterMs as number);
  }
}

/** One connection to one worker. */
export class WireClient {
  /** Everything received, with the time of its arrival. */
  readonly received: { readonly atMs: number; readonly message: Message }[] = [];
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  #isClosed = false;
  #account: string | undefined;
  #buffered = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();
  readonly #stream: Stream;
  readonly #release: () => Promise<void>;

  constructor(stream: Stream, release: () => Promise<void> = () => Promise.resolve()) {
    this.#stream = stream;
    this.#release = release;
    stream.on('data', (bytes) => this.#take(bytes));
    stream.on('error', () => undefined); // 'close' follows
    this.closed = new Promise((resolve) =>
      stream.on('close', () => {
        this.#isClosed = true;
        resolve();
        this.#wake();
      }),
    );
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get workerId(): string {
    return this.#stream.remotePublicKey.toString('hex');
  }

  /** The key that the worker sees. */
  get key(): string {
    return this.#stream.publicKey.toString('hex');
  }

  /** Who asks, in the eyes of the worker. */
  get account(): string {
    return this.#account ?? this.key;
  }

  /** To be said first. */
  hello(account: Account): void {
    this.#account = account.node;
    this.send(account.hello(this.key));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  send(message: object): void {
    this.sendBytes(frame(message));
  }

  /** `v` and `type` are filled in. */
  prompt(fields: object): void {
    this.send({ v: 2, type: 'prompt', ...fields });
  }

  cancel(id: string): void {
    this.send({ v: 2, type: 'cancel', id });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** The first frame received since `from` that fits. */
  async frame(fits: (message: Message) => boolean, timeoutMs = 20_000, from = 0): Promise<Message> {
    let next = from;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      for (; next < this.received.length; next++) {
        const message = this.received[next]!.message;
        if (fits(message)) return message;
      }
      if (this.#isClosed) throw new Error('the worker closed the connection');
      if (Date.now() >= deadline) throw new Error(`no such frame within ${timeoutMs} ms; received: ${this.summary()}`);
      await this.#somethingNew(deadline - Date.now());
    }
  }

  /** Waits for the end of a request. `from`: frames before this one belong to an earlier request of the same id. */
  async answer(id: string, from = 0): Promise<Answer> {
    const end = await this.frame((message) => message.id === id && isEnd(message), 45_000, from);
    const frames = this.received
      .slice(from)
      .map(({ message }) => message)
      .filter((message) => message.id === id);
    const upToEnd = frames.slice(0, frames.indexOf(end) + 1);
    const tokens = upToEnd.filter(({ type }) => type === 'inference_token');
    return { frames: upToEnd, tokens, streamed: tokens.map(({ text }) => text as string).join(''), end };
  }

  /** Sends a prompt and waits for its end. */
  ask(fields: { id: string } & Record<string, unknown>): Promise<Answer> {
    const from = this.received.length;
    this.prompt(fields);
    return this.answer(fields.id, from);
  }

  /** The same, doing the work that a busy worker asks of guests. The nonce goes into the prompt that is sent again. */
  async askAsGuest(fields: { id: string } & Record<string, unknown>): Promise<Answer> {
    const answer = await this.ask(fields);
    if (answer.end.code !== 'work_required') return answer;
    return this.ask({ ...fields, work: solve(this.account, fields.id, answer.end.work as Work) });
  }

  summary(): string {
    return this.received
      .map(({ message }) => `${message.type}${message.id === undefined ? '' : `(${String(message.id)})`}`)
      .slice(-30)
      .join(' ');
  }

  async close(): Promise<void> {
    this.#stream.destroy();
    await this.closed;
    await this.#release();
  }

  #take(bytes: Buffer): void {
    this.#buffered = Buffer.concat([this.#buffered, bytes]);
    while (this.#buffered.length >= 4) {
      const end = 4 + this.#buffered.readUInt32BE(0);
      if (this.#buffered.length < end) break;
      const message = JSON.parse(this.#buffered.toString('utf8', 4, end)) as Message;
      this.received.push({ atMs: Date.now(), message });
      this.#buffered = this.#buffered.subarray(end);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #somethingNew(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, timeoutMs);
      const waiting = this.#waiting;
      waiting.add(done);
      function done() {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      }
    });
  }
}

export interface Work {
  readonly challenge: string;
  readonly bits: number;
}

/** The proof that is asked for: a nonce that makes the hash begin with so many zero bits. */
export function solve(account: string, id: string, { challenge, bits }: Work): { challenge: string; nonce: string } {
  for (let number = 0; ; number++) {
    const nonce = number.toString(16);
    const hash = createHash('sha256').update(`qmesh/2/work\n${challenge}${account}${id}${nonce}`).digest();
    if (Math.clz32(hash.readUInt32BE(0)) >= bits) return { challenge, nonce };
  }
}

export const isEnd = ({ type }: Message): boolean => type === 'inference_result' || type === 'inference_error';

/** [N, 4 bytes, big-endian] [N bytes]. */
export function frameOfBytes(body: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
}

export function frame(message: object): Buffer {
  return frameOfBytes(Buffer.from(JSON.stringify(message), 'utf8'));
}

/** An identity that a client process speaks for: it signs the key of each connection. */
export class Account {
  readonly #privateKey: KeyObject;
  readonly node: string;

  constructor(seed: Uint8Array = randomBytes(32)) {
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    this.#privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    this.node = createPublicKey(this.#privateKey).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  }

  hello(key: string, network: string = topicName): object {
    return { v: 2, type: 'hello', ...this.signed('hello', { network, node: this.node, key }) };
  }

  /** With this account's signature under it. A `network` of a hello is signed and not sent. */
  signed(kind: 'hello' | 'order' | 'receipt' | 'ack' | 'attestation' | 'shelf', object: Signable): Signable {
    const signature = sign(null, signedBytes(kind, object), this.#privateKey).toString('hex');
    if (kind !== 'hello') return { ...object, signature };
    const { network: _, ...rest } = object;
    return { ...rest, signature };
  }
}

export type Signable = Readonly<Record<string, string | number | boolean>>;

/** RFC 8785 of an object without objects in it: its fields by name, as JSON writes them. */
const signedBytes = (kind: string, { signature: _, ...object }: Signable): Buffer =>
  Buffer.from(`qmesh/2/${kind}\n${JSON.stringify(Object.fromEntries(Object.entries(object).sort(byName)))}`);
const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

/** The name of a signed object. */
export const hashOf = (kind: string, object: Signable): string =>
  createHash('sha256').update(signedBytes(kind, object)).digest('hex');

export function isSignedBy(node: string, kind: string, object: Signable): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(node, 'hex')]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return verify(null, signedBytes(kind, object), key, Buffer.from(String(object.signature), 'hex'));
}

/** Of a prompt or an answer. @param salt hex */
export const saltedHash = (salt: string, text: string): string =>
  createHash('sha256').update(Buffer.from(salt, 'hex')).update(text).digest('hex');
