/**
 * The OpenAI-compatible server: HTTP on one side, a client of the mesh on the other. Lifecycle of a request:
 *
 * 1. access.ts checks Host, Origin and key.
 * 2. The body: at most a frame of the mesh, UTF-8, JSON without prototype keys. If too many are on their way, the one
 *    that has been so longest is given up. chat-request.ts or completion-request.ts parses it.
 * 3. If there is room (`maxChoicesOpen`), choices.ts asks the mesh. If the program closes its connection, its requests there are cancelled.
 * 4. Whole: one JSON object. Streamed: nothing is sent before the first piece, so that an earlier failure gets the
 *    right status. Only after `heartbeatMs` of silence are the headers sent with what is known; a later failure becomes
 *    an event.
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { RequestError } from '../client/answer-stream.js';
import type { Clock, TimerHandle } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import { Access, type AccessRules } from './access.js';
import type { AnswerForm, Head } from './answer-form.js';
import { ApiError, fromMesh, isClosing } from './api-error.js';
import type { Asked } from './asked.js';
import { chatForm } from './chat-answer.js';
import { readChat } from './chat-request.js';
import { Choices, type MeshClient } from './choices.js';
import { completionForm } from './completion-answer.js';
import { readCompletion } from './completion-request.js';
import { eventStream } from './event-stream.js';
import { notHere } from './not-here.js';
import { modelList, modelNamed, modelNotFound, servedBy } from './models.js';
import { asApiError, maxBodyBytes, parseJson } from './body.js';
import { giveUp, onClientError, onUndecodable } from './unreadable.js';

export interface GatewayOptions extends AccessRules {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Maximum number of choices being answered at the same time. */
  readonly maxChoicesOpen: number;
  /** For a whole request, including waiting. */
  readonly deadlineMs: number;
  /** A client that reads nothing from its stream for this long is disconnected. */
  readonly stalledReaderMs: number;
}

/** A stream sends something at least this often, so that proxies keep it open. */
const heartbeatMs = 10_000;
/** From a connection's first byte to the last byte of a request's head, and of its body. */
const headMs = 10_000;
const requestMs = 30_000;
const idleMs = 10_000;
const maxConnections = 2_048;
/** Bodies on their way at the same time. They take no places for answers, so this is what limits their memory. */
const maxBodiesArriving = 256;
const maxUrlChars = 1_024;
/** From cancelling the last answer to closing all connections. */
const flushMs = 1_000;
const sweepMs = 50;
const fingerprintChars = 12;

/** One HTTP request, from its head to the last byte of its answer. */
interface Exchange {
  readonly id: string;
  readonly startedMs: number;
  /** Cancels its requests to the mesh. */
  readonly abort: AbortController;
  /** Its body is not here yet. */
  isArriving: boolean;
  /** Each occupies a place. */
  choices: number;
  /** For headers and the log. */
  readonly note: Partial<Record<'worker' | 'tries' | 'queueMs', string>>;
}

export class Gateway {
  readonly app: FastifyInstance;
  readonly #options: GatewayOptions;
  readonly #access: Access;
  readonly #exchanges = new Map<FastifyRequest, Exchange>();
  #isClosing = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#access = new Access(options);
    this.app = Fastify({
      bodyLimit: maxBodyBytes,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      http: { headersTimeout: headMs, connectionsCheckingInterval: headMs / 4, requireHostHeader: false }, // access.ts does
      return503OnClosing: false, // not in OpenAI's shape
      clientErrorHandler: onClientError,
      frameworkErrors: (_, __, { raw }) => onUndecodable(raw),
      routerOptions: { maxParamLength: maxUrlChars, ignoreTrailingSlash: true },
    });
    this.app.server.maxConnections = maxConnections;
    parseJson(this.app);
    this.#guard();
    this.#route();
  }

  /** @returns the port. Rejects if the address cannot be bound. */
  async listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }> {
    await this.app.listen({ ...address, listenTextResolver: () => '' });
    const bound = this.app.server.address();
    return { port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
  }

  /** Refuses new requests. Running ones may continue for `drainMs`; then they end with an error that says so. */
  async close(drainMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#isClosing = true;
    const timers: TimerHandle[] = [
      clock.setTimeout(() => {
        for (const { abort } of this.#exchanges.values()) abort.abort();
      }, drainMs),
      clock.setTimeout(() => this.app.server.closeAllConnections(), drainMs + flushMs),
    ];
    let sweeper: TimerHandle;
    const sweep = (): void => {
      this.app.server.closeIdleConnections();
      sweeper = clock.setTimeout(sweep, sweepMs);
    };
    sweep();
    await this.app.close();
    for (const timer of [...timers, sweeper]) clock.clearTimeout(timer);
  }

  #guard(): void {
    const { app } = this;
    app.addHook('onRequest', (request, reply, done) => {
      const exchange = this.#begin(request, reply);
      reply.headers({ 'x-request-id': exchange.id, 'x-qmesh-request-id': exchange.id });
      const { headers } = request;
      this.#access.checkHost(headers);
      reply.headers(this.#access.checkOrigin(headers));
      if (request.method === 'OPTIONS') {
        reply.code(204).headers(this.#access.preflight(headers)).send();
        return;
      }
      if (request.url !== healthPath) this.#access.checkKey(headers);
      if (this.#isClosing) throw isClosing();
      this.#giveUpSlowest();
      done();
    });
    app.addHook('preValidation', (request, _, done) => {
      const exchange = this.#exchanges.get(request);
      if (exchange !== undefined) exchange.isArriving = false;
      done();
    });
    app.setErrorHandler((error, request, reply) => {
      const told = asApiError(error) ?? this.#fault(error, request);
      return reply.code(told.status).headers(told.headers).send(told.body);
    });
    app.setNotFoundHandler(({ method, url }, reply) => {
      const { allowed, error } = notHere(method, url.split('?')[0]?.slice(0, maxUrlChars) ?? '');
      if (allowed !== undefined) void reply.header('allow', allowed);
      throw error;
    });
  }

  #route(): void {
    const { app } = this;
    const { client } = this.#options;
    app.get(healthPath, () => ({ status: 'ok' }));
    app.get('/v1/models', () => ({ object: 'list', data: modelList(client) }));
    app.get<{ Params: { '*': string } }>('/v1/models/*', ({ params }) => modelNamed(client, params['*']));
    app.post('/v1/chat/completions', (request, reply) => {
      const asked = readChat(request.body);
      return this.#answer(
        request,
        reply,
        asked,
        chatForm(asked, () => this.#newId('call_')),
        'chatcmpl-',
      );
    });
    app.post('/v1/completions', (request, reply) => {
      const asked = readCompletion(request.body);
      return this.#answer(request, reply, asked, completionForm(asked), 'cmpl-');
    });
    app.post('/v1/embeddings', () => {
      throw new ApiError(404, 'Workers do not make embeddings; use another server for them.', { code: 'unknown_url' });
    });
    app.post('/v1/responses', () => {
      throw new ApiError(404, 'There is no Responses API here; use POST /v1/chat/completions.', {
        code: 'unknown_url',
      });
    });
  }

  #begin(request: FastifyRequest, reply: FastifyReply): Exchange {
    const { clock, log } = this.#options;
    const exchange: Exchange = {
      id: this.#newId('req_'),
      startedMs: clock.monotonicMs(),
      abort: new AbortController(),
      isArriving: true,
      choices: 0,
      note: {},
    };
    this.#exchanges.set(request, exchange);
    // however it ends: completed, or the program closed its connection
    reply.raw.once('close', () => {
      this.#exchanges.delete(request);
      exchange.abort.abort();
      const { id, startedMs, note } = exchange;
      const isWhole = reply.raw.writableFinished;
      log.info('request.ended', {
        id,
        method: request.method,
        path: request.routeOptions.url ?? 'none',
        status: isWhole ? reply.raw.statusCode : 'left',
        ms: Math.round(clock.monotonicMs() - startedMs),
        ...note,
      });
    });
    return exchange;
  }

  /** A program that sends a head and then nothing must not keep others out. */
  #giveUpSlowest(): void {
    const arriving = [...this.#exchanges].filter(([, { isArriving }]) => isArriving);
    const [slowest] = arriving.length > maxBodiesArriving ? arriving : [];
    if (slowest !== undefined) giveUp(slowest[0].raw.socket);
  }

  /** @throws ApiError 429 */
  #takePlaces(exchange: Exchange, choices: number): void {
    const { maxChoicesOpen } = this.#options;
    const others = [...this.#exchanges.values()].reduce((sum, each) => sum + (each === exchange ? 0 : each.choices), 0);
    if (choices > 0 && others + choices > maxChoicesOpen)
      throw new ApiError(
        429,
        `This server is busy: it gives at most ${maxChoicesOpen} answers at a time; try again in a moment.`,
        {
          code: 'too_many_requests',
          retryAfterMs: 1_000,
        },
      );
    exchange.choices = choices;
  }

  async #answer(request: FastifyRequest, reply: FastifyReply, asked: Asked, form: AnswerForm, prefix: string) {
    const exchange = this.#exchanges.get(request);
    if (exchange === undefined) return reply; // the connection is already closed
    const { client, clock, deadlineMs } = this.#options;
    const { abort } = exchange;
    this.#takePlaces(exchange, asked.requests.length);
    const requests = asked.requests.map((each) => ({ ...each, deadlineMs }));
    const choices = new Choices(client, requests, clock, abort.signal);
    const created = Math.floor(clock.now() / 1_000);
    const id = this.#newId(prefix);
    const head = (served = servedBy(client, choices.progress[0]?.worker, asked.model)): Head => ({
      id,
      created,
      model: asked.model ?? served?.name ?? 'local',
      fingerprint: served === undefined ? null : `qmesh_${served.sha256.slice(0, fingerprintChars)}`,
    });
    try {
      if (asked.isStreamed) return await this.#stream(request, reply, exchange, asked, { form, choices, head });
      const ended = await choices.whole();
      if (abort.signal.aborted) throw isClosing();
      reply.headers(this.#tell(exchange, choices));
      return form.whole(head(ended[0]?.model), ended);
    } catch (error) {
      abort.abort(); // cancels the other choices
      reply.headers(this.#tell(exchange, choices));
      throw this.#explain(error, asked, request);
    }
  }

  async #stream(
    request: FastifyRequest,
    reply: FastifyReply,
    exchange: Exchange,
    asked: Asked,
    { form, choices, head }: { readonly form: AnswerForm; readonly choices: Choices; readonly head: () => Head },
  ): Promise<Readable> {
    const pieces = choices.piecesAndSilences(heartbeatMs);
    const first = await pieces.next();
    const isCut = (): boolean => exchange.abort.signal.aborted;
    if (isCut()) throw isClosing();
    const explain = (error: unknown) => (isCut() ? isClosing() : this.#explain(error, asked, request)).body;
    const epilogue = (): string => {
      this.#tell(exchange, choices);
      return `qmesh ${JSON.stringify(exchange.note)}`;
    };
    reply.raw.setTimeout(this.#options.stalledReaderMs, () => reply.raw.destroy());
    reply.headers({ ...streamHeaders, ...this.#tell(exchange, choices) });
    return Readable.from(eventStream(first, pieces, { ...asked, form, head, isCut, explain, epilogue }));
  }

  /** How the mesh answered each choice: headers for the program, log fields for the owner. */
  #tell({ note }: Exchange, { progress }: Choices): Record<string, string> {
    const each = (what: (choice: Choices['progress'][number]) => string | number): string =>
      progress.map(what).join(', ');
    note.worker = each(({ worker }) => encodeURI(worker ?? ''));
    note.tries = each(({ tries }) => tries);
    note.queueMs = each(({ queuedMs }) => Math.round(queuedMs ?? 0));
    const worker = note.worker === '' ? {} : { 'x-qmesh-worker': note.worker };
    return { ...worker, 'x-qmesh-tries': note.tries, 'x-qmesh-queue-ms': note.queueMs };
  }

  #explain(error: unknown, { model, rename }: Asked, request: FastifyRequest): ApiError {
    if (!(error instanceof RequestError)) return asApiError(error) ?? this.#fault(error, request);
    if (error.code === 'model_not_found' && model !== undefined) return modelNotFound(this.#options.client, model);
    return fromMesh(error, rename);
  }

  #fault(error: unknown, request: FastifyRequest): ApiError {
    this.#options.log.error('request.failed', { id: this.#exchanges.get(request)?.id, error });
    return new ApiError(500, 'Something failed inside this server; its log has the cause.', { code: 'internal' });
  }

  #newId(prefix: string): string {
    return prefix + Buffer.from(this.#options.random.bytes(12)).toString('hex');
  }
}

const healthPath = '/healthz';

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
