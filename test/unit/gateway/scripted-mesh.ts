/** A mesh that says what a test has it say, behind the port that the gateway asks through; and a gateway before it. */
import { AnswerStream, RequestError, type Answer } from '../../../src/client/answer-stream.js';
import type { AskRequest, RequestOptions, WorkerView } from '../../../src/client/client.js';
import type { MeshClient } from '../../../src/gateway/choices.js';
import { Gateway, type GatewayOptions } from '../../../src/gateway/gateway.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { seededRandom } from '../../../src/runtime/random.js';

/** A request that was asked, in the test's hands. */
export class Asked {
  readonly stream: AnswerStream;
  isCancelled = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #text = '';

  constructor(
    readonly request: AskRequest,
    readonly options: RequestOptions,
  ) {
    const result = new Promise<Answer>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.stream = new AnswerStream(result, () => this.#cancel());
    options.signal?.addEventListener('abort', () => this.#cancel());
    if (options.signal?.aborted === true) this.#cancel();
  }

  taken(worker = 'a'.repeat(64)): this {
    this.options.onWorker?.(worker);
    this.options.onPosition?.({ worker, position: 0, length: 0, estimatedWaitMs: 0 });
    return this;
  }

  say(...texts: string[]): this {
    for (const text of texts) {
      this.#text += text;
      this.stream.push({ text, tokens: 1 });
    }
    return this;
  }

  end(more: Partial<Answer> = {}): void {
    const usage = { promptTokens: 7, completionTokens: 3 };
    this.#resolve({
      text: this.#text,
      finishReason: 'stop',
      model: undefined,
      usage,
      timing: undefined,
      toolCalls: undefined,
      worker: undefined,
      isLocal: false,
      receipt: undefined,
      paidMillipoints: undefined,
      tries: [],
      ...more,
    });
  }

  fail(code: string, message = 'It went wrong.', retryAfterMs?: number): void {
    this.#reject(new RequestError(code, message, this.#text, [], retryAfterMs));
  }

  #cancel(): void {
    if (this.isCancelled) return;
    this.isCancelled = true;
    this.end({ finishReason: 'cancelled' });
  }
}

export class ScriptedMesh implements MeshClient {
  readonly asked: Asked[] = [];
  #script: (asked: Asked) => void = () => {};
  #models: readonly string[] = ['llama-3', 'qwen-2'];

  /** What becomes of each request from now on. */
  does(script: (asked: Asked) => void): this {
    this.#script = script;
    return this;
  }

  serves(...models: string[]): this {
    this.#models = models;
    return this;
  }

  stream(request: AskRequest, options: RequestOptions = {}): AnswerStream {
    const asked = new Asked(request, options);
    this.asked.push(asked);
    queueMicrotask(() => this.#script(asked));
    return asked.stream;
  }

  workers(): WorkerView[] {
    const models = this.#models.map((name) => ({
      name,
      sha256: '0'.repeat(64),
      bytes: 1,
      contextSize: 4_096,
      capabilities: ['tools', 'jsonSchema'],
    }));
    const status = { models } as unknown as WorkerView['status'];
    return [{ worker: 'a'.repeat(64), isFresh: true, status }];
  }
}

export const gatewayBefore = (client: MeshClient, options: Partial<GatewayOptions> = {}): Gateway =>
  new Gateway({
    client,
    clock: systemClock,
    random: seededRandom(1),
    log: nullLogger,
    apiKeys: [],
    cors: [],
    names: [],
    isLocal: true,
    maxChoicesOpen: 100,
    deadlineMs: 60_000,
    stalledReaderMs: 60_000,
    ...options,
  });

export const hi = { messages: [{ role: 'user', content: 'hi' }] };
