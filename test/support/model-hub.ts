/** A web server on loopback with the paths of a model hub, and one fault at a time, as the test requests. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request gets. `undefined`: the file, or the requested part of it. */
export type Fault =
  | { readonly status: number; readonly retryAfter?: string }
  | { readonly resetAfter: number }
  | { readonly endAfter: number }
  | { readonly stopAfter: number }
  | { readonly dripAfter: number }
  | { readonly redirect: string }
  | { readonly answers: (file: Buffer) => OddAnswer }
  | 'never answers'
  | 'ignores ranges'
  | undefined;

/** Any status and headers. */
export interface OddAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export class ModelHub {
  readonly seen: SeenRequest[] = [];
  bytesSent = 0;
  /** What the next requests get, in this order; after that, the file. */
  faults: Fault[] = [];
  file: Buffer;
  /** The hub's SHA-256, as given in its redirect. */
  linkedSha256: string | undefined;
  readonly #server: Server;

  constructor(file: Buffer) {
    this.file = file;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { range, authorization } = request.headers;
    this.seen.push({ path: request.url ?? '', range, authorization });
    const fault = this.faults.shift();
    if (fault === 'never answers') return;
    if (typeof fault === 'object' && 'status' in fault) {
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter }).end();
      return;
    }
    if (typeof fault === 'object' && 'answers' in fault) {
      const { status, headers, body } = fault.answers(this.file);
      response.writeHead(status, headers).end(body);
      return;
    }
    if (typeof fault === 'object' && 'redirect' in fault) {
      const linked = this.linkedSha256 === undefined ? {} : { 'x-linked-etag': `"${this.linkedSha256}"` };
      response.writeHead(302, { location: fault.redirect, ...linked }).end();
      return;
    }
    const etag = `"${createHash('sha256').update(this.file).digest('hex').slice(0, 16)}"`;
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const isPart = from > 0 && request.headers['if-range'] === etag && fault !== 'ignores ranges';
    const body = isPart ? this.file.subarray(from) : this.file;
    response.writeHead(isPart ? 206 : 200, {
      etag,
      'content-length': body.length,
      ...(isPart && { 'content-range': `bytes ${from}-${this.file.length - 1}/${this.file.length}` }),
    });
    this.#send(response, body, fault);
  }

  #send(response: ServerResponse, body: Buffer, fault: Fault): void {
    const send = (bytes: Buffer, then?: () => void): void => {
      this.bytesSent += bytes.length;
      response.write(bytes, then);
    };
    if (typeof fault !== 'object') {
      this.bytesSent += body.length;
      response.end(body);
    } else if ('resetAfter' in fault) {
      send(body.subarray(0, fault.resetAfter), () => setTimeout(() => response.socket?.resetAndDestroy(), 50));
    } else if ('endAfter' in fault) {
      send(body.subarray(0, fault.endAfter), () => setTimeout(() => response.socket?.end(), 50));
    } else if ('stopAfter' in fault) {
      send(body.subarray(0, fault.stopAfter));
    } else if ('dripAfter' in fault) {
      send(body.subarray(0, fault.dripAfter));
      let at = fault.dripAfter;
      const timer = setInterval(() => send(body.subarray(at, ++at)), 20);
      response.on('close', () => clearInterval(timer));
    }
  }
}
