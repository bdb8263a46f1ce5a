/**
 * A worker written from docs/protocol.md alone: plain Hyperswarm and bytes, nothing of src/. It is the stranger whose worker a client of
 * ours has to work with, and it answers each prompt as the test says: rightly, oddly, or wrongly.
 */
import { createHash, randomBytes } from 'node:crypto';
import { frame, HyperDht, Hyperswarm, topicName, type Message, type Stream } from './wire-client.js';

const modelHash = 'ab'.repeat(32);

/** What a script has in hand when a prompt comes. */
export interface Asked {
  readonly prompt: Message;
  /** `v` and the prompt's id are filled in. */
  readonly say: (message: { type: string; [field: string]: unknown }) => void;
  readonly token: (index: unknown, text: string, more?: object) => void;
  readonly result: (text: string, more?: object) => void;
  readonly error: (code: string, more?: object) => void;
  readonly bytes: (bytes: Uint8Array) => void;
  readonly hangUp: () => void;
}

export type Script = (asked: Asked) => void;

export interface WireWorkerOptions {
  readonly bootstrap: { host: string; port: number }[];
  /** Prefix of its mesh. */
  readonly network: string;
  readonly script: Script;
  /** What it says of itself besides, or otherwise. */
  readonly status?: object;
  /** It speaks first, as it should. */
  readonly greets?: boolean;
}

export class WireWorker {
  readonly id: string;
  readonly prompts: Message[] = [];
  readonly announced: Promise<unknown>;
  readonly #dht;
  readonly #swarm;
  readonly #options: WireWorkerOptions;

  constructor(options: WireWorkerOptions) {
    const { bootstrap, network } = options;
    const keyPair = HyperDht.keyPair(randomBytes(32));
    this.id = keyPair.publicKey.toString('hex');
    this.#options = options;
    this.#dht = new HyperDht({ bootstrap, host: '127.0.0.1', firewalled: false });
    this.#swarm = new Hyperswarm({ dht: this.#dht, keyPair });
    this.#swarm.on('connection', (stream) => this.#serve(stream));
    const topic = createHash('sha256').update(`${network}/${topicName}`).digest();
    this.announced = this.#swarm.join(topic, { server: true, client: false }).flushed();
  }

  async close(): Promise<void> {
    await this.#swarm.destroy();
    await this.#dht.destroy();
  }

  #serve(stream: Stream): void {
    const { script, greets = true } = this.#options;
    stream.on('error', () => undefined);
    if (greets) {
      stream.write(frame(this.#status()));
      const heartbeat = setInterval(() => stream.write(frame(this.#status())), 4_000);
      stream.on('close', () => clearInterval(heartbeat));
    }
    let unread = Buffer.alloc(0);
    stream.on('data', (bytes) => {
      unread = Buffer.concat([unread, bytes]);
      while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
        const end = 4 + unread.readUInt32BE(0);
        const message = JSON.parse(unread.toString('utf8', 4, end)) as Message;
        unread = unread.subarray(end);
        if (message.type !== 'prompt') continue;
        this.prompts.push(message);
        script(answering(stream, message));
      }
    });
  }

  #status(): object {
    return {
      v: 2,
      type: 'status',
      workerId: this.id,
      models: [{ name: 'm', sha256: modelHash, bytes: 5, contextSize: 512, capabilities: ['tools', 'not heard of'] }],
      health: { score: 100, state: 'idle', capacity: 100 },
      queue: { length: 0, capacity: 10 },
      slots: { total: 1, busy: 0 },
      performance: { avgResponseMs: null, tokensPerSecond: null },
      uptimeMs: 1.5,
      agent: 'stranger/9',
      at: Date.now(),
      ...this.#options.status,
    };
  }
}

function answering(stream: Stream, prompt: Message): Asked {
  const say = (message: object): void => void stream.write(frame({ v: 2, id: prompt.id as string, ...message }));
  return {
    prompt,
    say,
    token: (index, text, more) => say({ type: 'inference_token', index, text, tokens: 1, ...more }),
    result: (text, more) =>
      say({
        type: 'inference_result',
        text,
        model: { name: 'm', sha256: modelHash },
        usage: { promptTokens: 1, completionTokens: 1 },
        timing: { queuedMs: 0, firstTokenMs: 1, totalMs: 2 },
        finishReason: 'stop',
        ...more,
      }),
    error: (code, more) => say({ type: 'inference_error', code, message: 'because', retryable: false, ...more }),
    bytes: (bytes) => void stream.write(bytes),
    hangUp: () => stream.destroy(),
  };
}
