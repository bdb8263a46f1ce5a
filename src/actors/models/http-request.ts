/**
 * One request for the rest of a file, with what goes wrong on the web kept in bounds: redirects are counted and followed here, so that a
 * token goes to the host it was meant for and to no other; a host that is dead, stops, or drips is left.
 */
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import { messageOf } from '../../runtime/errors.js';
import { isPrivate } from './model-address.js';

export interface HttpLimits {
  /** From the request to the first byte, redirects included. */
  readonly answerMs: number;
  /** Between two pieces of the answer. */
  readonly silenceMs: number;
  /** Slower than `slowBytes` in `slowMs` is as good as dead. */
  readonly slowMs: number;
  readonly slowBytes: number;
}

export const httpLimits: HttpLimits = { answerMs: 30_000, silenceMs: 20_000, slowMs: 60_000, slowBytes: 256 * 1024 };

const maxRedirects = 5;

/** What another try cannot mend. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
}

/** What another try may mend. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  /** What the server asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number, cause?: unknown) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** What an earlier try left is of no use to this server: it is to be asked for the whole. */
export class StalePart extends HttpFault {}

export interface FileRequest {
  readonly address: URL;
  /** Sent to the address's own origin only. */
  readonly token: string | undefined;
  /** The rest from here on, if the file is still the one with this tag. */
  readonly from: number;
  readonly etag: string | undefined;
}

export interface FileAnswer {
  /** Where the pieces begin: `from`, or 0 where the server sends the whole. */
  readonly start: number;
  /** Of the whole file; undefined where the server does not say. */
  readonly totalBytes: number | undefined;
  readonly etag: string | undefined;
  /** The hub's word for it. */
  readonly sha256: string | undefined;
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Ends the connection; to be called in any case. */
  close(): void;
}

/** @throws HttpRefusal, HttpFault; so does the iteration of the pieces. */
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
    url.username = url.password = ''; // fetch takes none
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
  // All of it had come already, from a server that does not say beforehand how much that is.
  if (status === 416 && from > 0 && totalOfRange === from) return { start: from, totalBytes: from, etag: undefined };
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (status === 416 || (status === 206 && (start === undefined || Number(start) !== from || encoding !== 'identity'))) {
    if (from === 0) throw new HttpRefusal(`${where} answers with a part where the whole was asked for`);
    throw new StalePart(`${where} answers with another part than was asked for; all of it is fetched again`);
  }
  if (status !== 200 && status !== 206) throw new HttpRefusal(`${where} answered ${status}`);
  // What is packed on its way has no length that is known beforehand, and no part of it can be asked for.
  if (encoding !== 'identity') return { start: 0, totalBytes: undefined, etag: undefined };
  // A strong tag only: with a weak one, two halves of two files could be joined.
  const etag = /^"[^"]*"$/.exec(headers.get('etag') ?? '')?.[0];
  if (status === 206) return { start: from, totalBytes: totalOfRange, etag };
  const length = headers.get('content-length');
  return { start: 0, totalBytes: length === null ? undefined : Number(length), etag };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Seconds, at most two minutes. A date is taken as no answer: clocks differ. */
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
      watchdog.rest(); // while the disk or a limit holds us up, the host is not to blame
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

/** Ends a request that brings nothing, and knows afterwards why it ended. */
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

/** What the system says, or what it means where that is no sentence. */
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
