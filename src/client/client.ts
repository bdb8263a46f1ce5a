/**
 * The public API of the SDK.
 *
 *     const client = await QMeshClient.connect();
 *     for await (const { text } of client.stream({ prompt: 'count from 5' })) process.stdout.write(text);
 *     await client.close();
 */
import { EventEmitter } from 'node:events';
import { env } from 'node:process';
import type { AskRequest } from '../actors/ask.actor.js';
import { openHome } from '../actors/home/home.js';
import { loadIdentity } from '../actors/home/identity.js';
import { createHyperswarmNetwork } from '../actors/network/hyperswarm-network.js';
import { bootstrapExpected, parseBootstrap } from '../actors/network/bootstrap.js';
import type { Bootstrap, Connection } from '../actors/ports.js';
import type { CheckedAnswer } from '../actors/ask/spot-checks.js';
import type { WalletOptions } from '../actors/wallet/wallet.js';
import { createWorkSolver, type WorkSolverThread } from '../actors/ask/work-solver.js';
import { createHello } from '../protocol/hello.js';
import { limits } from '../protocol/limits.js';
import { keyPairFromSeed, type KeyPair } from '../protocol/keys.js';
import type { StatusMessage } from '../protocol/messages.js';
import { topicName } from '../protocol/topics.js';
import { isFresh } from '../rules/selection.js';
import { systemClock } from '../runtime/clock.js';
import { asError } from '../runtime/errors.js';
import { nullLogger, type Logger } from '../runtime/log.js';
import { systemRandom } from '../runtime/random.js';
import { AnswerStream, RequestError, type Answer, type Failover, type QueuePosition } from './answer-stream.js';
import { isLocalWorker, LocalWorkers, type LocalModel } from './local-workers.js';
import { startClientCore, type ClientCore } from './core.js';
import { openWallet, type OpenedWallet, type ScoreSource } from './open-wallet.js';

export type { AskRequest, CheckedAnswer };

export interface ConnectOptions {
  /**
   * `local` or `local:PORT`: this machine. `public`: the internet. Or `host:port,…`. Default: QMESH_BOOTSTRAP, or
   * `local`.
   */
  readonly bootstrap?: string | Bootstrap;
  /** Address to bind. Default 0.0.0.0; a local mesh always binds 127.0.0.1. */
  readonly host?: string;
  /** Topic prefix. Default: QMESH_NETWORK, or none. */
  readonly network?: string;
  /** The account to ask as. Without an identity and a home, this client is a stranger to every worker. */
  readonly identity?: KeyPair;
  /**
   * The folder of that identity. Without `identity`, the folder's own is used, and created if missing. A worker running
   * there knows the balance and serves its owner first; acknowledgements are kept there.
   */
  readonly home?: string;
  /** Maximum price of a request in points, from 0 to 10. 0 always asks as a guest. Default: 10. */
  readonly maxPrice?: number;
  /**
   * Looks the account's points up on the score network when no worker of its home is running: worth it for long-running
   * programs.
   */
  readonly scores?: ScoreSource;
  /**
   * Share of the answers, from 0 to 1, that another worker with the same model is asked to check. It sees prompt and
   * answer. From then on this client avoids workers that fail; there are no other consequences. Default: 0.
   */
  readonly spotChecks?: number;
  readonly log?: Logger;
  /** `local`: when no worker is left, a model on this machine's own disk answers. An object says which one. */
  readonly fallback?: 'local' | LocalModel;
  /** How long opening the DHT node may take. */
  readonly openTimeoutMs?: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Called for each worker that is asked: the first one, and any that takes over. */
  readonly onWorker?: (worker: string) => void;
  readonly onPosition?: (position: QueuePosition) => void;
  /** A worker failed this request, and another one continues it. */
  readonly onFailover?: (failover: Failover) => void;
}

export interface WorkerView {
  readonly worker: string;
  readonly status: StatusMessage;
  /** Its status is at most 15 s old. */
  readonly isFresh: boolean;
}

const maxConnections = 64;
/** No request scores more. */
const maxPoints = limits.maxPriceMillipoints / 1_000;
const maxRequests = 1_000;
const openTimeoutMs = 10_000;

/** Event names and what their listeners get. */
export interface ClientEvents {
  /** A worker reported its status: when it is found, when that changes, and every 5 s. */
  worker: [view: WorkerView];
  /** The connection to this worker ended. */
  workerLost: [worker: string];
  /** Another worker checked an answer; see ConnectOptions.spotChecks. */
  checked: [checked: CheckedAnswer];
}

/**
 * A client of the mesh. One per program is enough, however many requests it runs at once.
 *
 * Emits the events of ClientEvents: `client.on('worker', ({ worker, status }) => …)`.
 */
export class QMeshClient extends EventEmitter<ClientEvents> {
  readonly #core: ClientCore;
  readonly #solver: WorkSolverThread;
  readonly #fallback: LocalWorkers | undefined;
  readonly #purse: OpenedWallet | undefined;
  #isClosed = false;

  private constructor(
    core: ClientCore,
    solver: WorkSolverThread,
    fallback: LocalWorkers | undefined,
    purse: OpenedWallet | undefined,
  ) {
    super();
    this.#core = core;
    this.#solver = solver;
    this.#fallback = fallback;
    this.#purse = purse;
    // Listeners run in a microtask after the code that raised the event, so one that throws breaks nothing of ours.
    core.directory.watch = {
      heard: (worker, status) => {
        if (!isLocalWorker(worker)) queueMicrotask(() => this.emit('worker', { worker, status, isFresh: true }));
      },
      gone: (worker) => {
        if (!isLocalWorker(worker)) queueMicrotask(() => this.emit('workerLost', worker));
      },
    };
    core.spotChecks.onChecked = (checked) => queueMicrotask(() => this.emit('checked', checked));
  }

  /** Opens this process's node and starts looking for workers. @throws if the node does not open, or not in time. */
  static async connect(given: ConnectOptions = {}): Promise<QMeshClient> {
    const options = identified(given);
    const bootstrap = bootstrapOf(options.bootstrap ?? (env.QMESH_BOOTSTRAP || 'local'));
    const networkPrefix = options.network ?? env.QMESH_NETWORK ?? '';
    const keySeed = systemRandom.bytes(32);
    const key = keyPairFromSeed(keySeed).publicKeyHex;
    const log = options.log ?? nullLogger;
    const ports = { clock: systemClock, random: systemRandom, log };
    const purse = await walletOf(options, networkPrefix, ports);
    const solver = createWorkSolver();
    const link = (connection: Connection): void => core?.link(connection);
    const fallback =
      options.fallback && new LocalWorkers(options.fallback === 'local' ? {} : options.fallback, { log, link });
    let core: ClientCore | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = systemClock.setTimeout(
          () => reject(new Error('The network node of this client did not open in time.')),
          options.openTimeoutMs ?? openTimeoutMs,
        );
        const opened = (error?: Error): void => {
          systemClock.clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        };
        core = startClientCore({
          ...ports,
          network: createHyperswarmNetwork({ ...ports, bootstrap, host: options.host ?? '0.0.0.0' }),
          networkPrefix,
          keySeed,
          hello:
            options.identity && createHello({ network: topicName('inference', networkPrefix), key }, options.identity),
          solver,
          fallback,
          wallet: purse?.wallet,
          scores: purse?.children ?? [],
          spotChecks: shareOf(options.spotChecks),
          maxConnections,
          maxRequests,
          onDhtReady: () => opened(),
          onDhtFailed: (error) => opened(error),
        });
        core.tree.onEscalation((error) => opened(asError(error)));
      });
    } catch (error) {
      await stop(core);
      await purse?.close();
      solver.close();
      throw error;
    }
    return new QMeshClient(core as unknown as ClientCore, solver, fallback, purse);
  }

  /** Asks, and returns the answer as it arrives. Never throws: errors surface through the stream. */
  stream(request: AskRequest, { signal, onWorker, onPosition, onFailover }: RequestOptions = {}): AnswerStream {
    let cancel: (() => void) | undefined;
    const made: { stream?: AnswerStream } = {}; // text arrives only after this function has returned
    const result = new Promise<Answer>((resolve, reject) => {
      cancel = this.#core.ask(request, {
        asked: (worker) => onWorker?.(worker),
        position: ({ position, length, estimatedWaitMs }, worker) =>
          onPosition?.({ worker, position, length, estimatedWaitMs }),
        failedOver: (from, to) => onFailover?.({ from, to }),
        text: (text, tokens) => made.stream?.push({ text, tokens }),
        end: ({ text, result: last, tries, settled }, failure) => {
          if (failure !== undefined) return reject(RequestError.from(failure, text, tries));
          const worker = last === undefined ? undefined : tries.at(-1)?.worker;
          resolve({
            text,
            finishReason: last?.finishReason ?? 'cancelled',
            model: last?.model,
            usage: last?.usage,
            timing: last?.timing,
            toolCalls: last?.toolCalls,
            worker,
            isLocal: worker !== undefined && isLocalWorker(worker),
            receipt: settled?.receipt,
            paidMillipoints: settled?.paid,
            tries,
          });
        },
      });
      if (cancel !== undefined) return;
      const [code, message] = this.#isClosed
        ? ['client_closed', 'This client was closed.']
        : ['too_many_requests', `A client may have ${maxRequests} unfinished requests.`];
      reject(new RequestError(code, message, '', []));
    });
    const abort = (): void => cancel?.();
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const stream = new AnswerStream(result, abort);
    made.stream = stream;
    void stream.result.finally(() => signal?.removeEventListener('abort', abort)).catch(() => {});
    return stream;
  }

  /** Asks, and waits for the whole answer. @throws RequestError */
  generate(request: AskRequest, options: RequestOptions = {}): Promise<Answer> {
    return this.stream(request, options).result;
  }

  /** The workers this client is connected to. */
  workers(): WorkerView[] {
    const now = systemClock.monotonicMs();
    return this.#core.directory
      .candidates()
      .filter(({ worker }) => !isLocalWorker(worker))
      .map((candidate) => ({ worker: candidate.worker, status: candidate.status, isFresh: isFresh(candidate, now) }));
  }

  /** Waits until no spot check is running: half a minute at most. For programs that exit after their answer. */
  checksSettled(): Promise<void> {
    return new Promise((resolve) => this.#core.spotChecks.whenSettled(() => queueMicrotask(resolve)));
  }

  /** Ends unfinished requests with `client_closed` and leaves the network. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#purse?.wallet.close();
    await stop(this.#core);
    await this.#purse?.close();
    await this.#fallback?.stop();
    this.#solver.close();
  }
}

const stop = (core: ClientCore | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (core === undefined) resolve();
    else core.tree.stop(resolve);
  });

/** Only a known account has points to spend. @throws TypeError, CodedError */
async function walletOf(
  { identity, home, maxPrice = maxPoints, scores }: ConnectOptions,
  networkPrefix: string,
  ambient: Pick<WalletOptions, 'clock' | 'random' | 'log'>,
): Promise<OpenedWallet | undefined> {
  if (!(maxPrice >= 0 && maxPrice <= maxPoints))
    throw new TypeError(`maxPrice is ${maxPrice}; expected points from 0 to ${maxPoints}`);
  if (identity === undefined) return undefined;
  const source = {
    identity,
    home: home === undefined ? undefined : openHome(home),
    networkPrefix,
    maxPrice: Math.floor(maxPrice * 1_000),
    scores,
  };
  return openWallet(source, ambient);
}

/** @throws TypeError */
function shareOf(spotChecks = 0): number {
  if (spotChecks >= 0 && spotChecks <= 1) return spotChecks;
  throw new TypeError(`spotChecks is ${spotChecks}; expected a share from 0 to 1`);
}

/** With only a home given, the client asks as the identity stored there. @throws CodedError */
const identified = (options: ConnectOptions): ConnectOptions =>
  options.home === undefined || options.identity !== undefined
    ? options
    : { ...options, identity: loadIdentity(openHome(options.home), systemRandom, options.log ?? nullLogger).keyPair };

function bootstrapOf(given: string | Bootstrap): Bootstrap {
  const parsed = typeof given === 'string' ? parseBootstrap(given) : given;
  if (parsed === undefined) throw new TypeError(`bootstrap is ${JSON.stringify(given)}; expected ${bootstrapExpected}`);
  return parsed;
}
