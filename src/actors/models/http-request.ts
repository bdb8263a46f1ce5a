/**
 * One HTTP request for the rest of a file. Redirects are counted and followed here, so that a token is sent only to the
 * host it was meant for. A host that is dead, stops sending or sends too slowly is abandoned.
 */
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import { messageOf } from '../../runtime/errors.js';
import { isPrivate } from './model-address.js';

export interface HttpLimits {
  /** From the request to the first byte, including redirects. */
  readonly answerMs: number;
  /** Maximum gap between two chunks of the response. */
  readonly silenceMs: number;
  /** A host that sends less than `slowBytes` in `slowMs` is treated as dead. */
  readonly slowMs: number;
  readonly slowBytes: number;
}

export const httpLimits: HttpLimits = { answerMs: 30_000, silenceMs: 20_000, slowMs: 60_000, slowBytes: 256 * 1024 };

const maxRedirects = 5;

/** Permanent: a retry cannot help. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
}

/** Temporary: a retry may help. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  /** From the server's Retry-After. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number, cause?: unknown) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server cannot continue what an earlier try left: the whole file must be requested. */
export class StalePart extends HttpFault {}

export interface FileRequest {
  readonly address: URL;
  /** Sent only to the address's own origin. */
  readonly token: string | undefined;
  /** Requests the rest from this offset, if the file still has this ETag. */
  readonly from: number;
  readonly etag: string | undefined;
}

export interface FileAnswer {
  /** Offset of the first chunk: `from`, or 0 if the server sends the whole file. */
  readonly start: number;
  /** Of the whole file; undefined if the server does not say. */
  readonly totalBytes: number | undefined;
  readonly etag: string | undefined;
  /** As reported by the hub. */
  readonly sha256: string | undefined;
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Ends the connection. Must always be called. */
  close(): void;
}

/** @throws HttpRefusal, HttpFault; iterating over the pieces throws them too */
export async function requestFile(
  request: FileRequest,
  limits: HttpLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<FileAnswer> {
  const watchdog = new Watchdog(clock, signal);
  watchdog.expect(limits.answerMs, `${request.address.host} did not answer`);
  try {
    const { response, linked } = await follow(request, watchdog);
    const answer = read(response, request);
    const isAllHere = answer.start === answer.totalBytes;
    return {
      ...answer,
      sha256: linked,
      pieces: isAllHere ? nothing() : watched(response, limits, watchdog),
      close: () => watchdog.stop(),
    };
  } catch (error) {
    watchdog.stop();
    throw watchdog.explain(error, request.address.host);
  }
}

async function follow(
  { address, token, from, etag }: FileRequest,
  watchdog: Watchdog,
): Promise<{ response: Response; linked: string | undefined }> {
  let url = address;
  let linked: string | undefined;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const headers = new Headers({ 'accept-encoding': 'identity', 'user-agent': 'qmesh' });
    if (token !== undefined && url.origin === address.origin) headers.set('authorization', `Bearer ${token}`);
    if (from > 0 && etag !== undefined) {
      headers.set('range', `bytes=${from}-`);
      headers.set('if-range', etag);
    }
    const response = await fetch(url, { headers, redirect: 'manual', signal: watchdog.signal });
    linked ??= /^"?([0-9a-f]{64})"?$/.exec(response.headers.get('x-linked-etag') ?? '')?.[1];
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return { response, linked };
    await response.body?.cancel();
    if (!URL.canParse(location, url.href)) throw new HttpRefusal(`${url.host} sends us to what is no address`);
    url = new URL(location, url);
    url.username = url.password = ''; // fetch rejects URLs with credentials
    if (!isPrivate(url)) throw new HttpRefusal(`${address.host} sends us to ${url.host} without encryption`);
  }
  throw new HttpRefusal(`${address.host} sends us on more than ${maxRedirects} times`);
}

function read(response: Response, { address, from }: FileRequest): Omit<FileAnswer, 'sha256' | 'pieces' | 'close'> {
  const { status, headers } = response;
  const where = `${address.host}${address.pathname}`;
  if (status === 401 || status === 403)
    throw new HttpRefusal(
      `${address.host} refuses ${address.pathname} (${status}); it may need its licence accepted there, and HF_TOKEN set`,
    );
  if (status === 404 || status === 410) throw new HttpRefusal(`${where} does not exist (${status})`);
  if (status === 429 || status >= 500 || status === 408)
    throw new HttpFault(`${address.host} answered ${status}`, retryAfterMs(headers.get('retry-after')));
  const { start, total } = /^bytes (?:(?<start>\d+)-\d+|\*)\/(?<total>\d+|\*)$/.exec(headers.get('content-range') ?? '')?.groups ?? {};
  const totalOfRange = total === undefined || total === '*' ? undefined : Number(total);
  // An earlier try got the whole file, from a server that does not announce the length.
  if (status === 416 && from > 0 && totalOfRange === from) return { start: from, totalBytes: from, etag: undefined };
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (status === 416 || (status === 206 && (start === undefined || Number(start) !== from || encoding !== 'identity'))) {
    if (from === 0) throw new HttpRefusal(`${where} answers with a part where the whole was asked for`);
    throw new StalePart(`${where} answers with another part than was asked for; all of it is fetched again`);
  }
  if (status !== 200 && status !== 206) throw new HttpRefusal(`${where} answered ${status}`);
  // A compressed response has no length known in advance and cannot be resumed.
  if (encoding !== 'identity') return { start: 0, totalBytes: undefined, etag: undefined };
  // Strong ETags only: with a weak one, halves of two different files could be joined.
  const etag = /^"[^"]*"$/.exec(headers.get('etag') ?? '')?.[0];
  if (status === 206) return { start: from, totalBytes: totalOfRange, etag };
  const length = headers.get('content-length');
  return { start: 0, totalBytes: length === null ? undefined : Number(length), etag };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Seconds only, capped at two minutes. Dates are ignored, since clocks differ. */
function retryAfterMs(text: string | null): number | undefined {
  return text !== null && /^\d{1,4}$/.test(text) ? Math.min(120, Number(text)) * 1_000 : undefined;
}

async function* watched(response: Response, limits: HttpLimits, watchdog: Watchdog): AsyncGenerator<Uint8Array> {
  const host = new URL(response.url).host;
  let windowBytes = 0;
  let windowStartMs = watchdog.nowMs();
  try {
    if (response.body === null) return;
    watchdog.expect(limits.silenceMs, `${host} stopped sending`);
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      watchdog.rest(); // time spent waiting for the disk or the throttle is not the host's fault
      const pausedMs = watchdog.nowMs();
      yield piece;
      windowStartMs += watchdog.nowMs() - pausedMs;
      windowBytes += piece.byteLength;
      if (watchdog.nowMs() - windowStartMs >= limits.slowMs) {
        if (windowBytes < limits.slowBytes)
          throw new HttpFault(`${host} sends less than ${Math.round((limits.slowBytes / limits.slowMs) * 1_000)} bytes a second`);
        windowBytes = 0;
        windowStartMs = watchdog.nowMs();
      }
      watchdog.expect(limits.silenceMs, `${host} stopped sending`);
    }
  } catch (error) {
    throw watchdog.explain(error, host);
  }
}

/** Aborts a request that makes no progress, and remembers why. */
class Watchdog {
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #abort = new AbortController();
  #timer: TimerHandle;
  #reason: string | undefined;
  readonly #forward = (): void => this.#abort.abort();

  constructor(clock: Clock, outer: AbortSignal) {
    this.#clock = clock;
    this.#outer = outer;
    outer.addEventListener('abort', this.#forward);
    if (outer.aborted) this.#abort.abort();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  expect(withinMs: number, otherwise: string): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#reason = `${otherwise} within ${Math.round(withinMs / 1_000)} s`;
      this.#abort.abort();
    }, withinMs);
  }

  rest(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  stop(): void {
    this.rest();
    this.#outer.removeEventListener('abort', this.#forward);
    this.#abort.abort();
  }

  explain(error: unknown, host: string): unknown {
    if (this.#reason !== undefined) return new HttpFault(this.#reason);
    if (error instanceof HttpRefusal || error instanceof HttpFault) return error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return new HttpFault(`${host}: ${inWords(cause)}`, undefined, error);
  }
}

/** The system's message, or an explanation of error codes whose message is not a sentence. */
function inWords(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known here; is this machine on the internet?';
    case 'ECONNREFUSED':
      return 'nobody listens there';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'there is no way to it; is this machine on the internet?';
    default:
      return messageOf(cause);
  }
}
