/**
 * Who may speak to this server: checked before a body is read. A web page that someone on this machine has open can reach a server
 * on loopback too, so a request must name it as nobody else's page can (`Host`: a name that was pointed here by a stranger's DNS is
 * refused), and must not come from another page (`Origin`), unless that page was let in. Keys are compared in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { ApiError } from './api-error.js';

export interface AccessRules {
  /** Without any, everybody who reaches the server may use it. */
  readonly apiKeys: readonly string[];
  /** Origins of pages that may use it; `*` is all. */
  readonly cors: readonly string[];
  /** Names of this server besides its addresses and `localhost`. */
  readonly names: readonly string[];
  /** Only this machine reaches it. Otherwise it is known by names without a dot, too, as in a container's network: no stranger owns one. */
  readonly isLocal: boolean;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export class Access {
  readonly #rules: AccessRules;
  readonly #keys: readonly Buffer[];

  constructor(rules: AccessRules) {
    this.#rules = rules;
    this.#keys = rules.apiKeys.map(digest);
  }

  /** @throws ApiError 403 */
  checkHost({ host }: Headers): void {
    const name = typeof host === 'string' ? hostName(host) : undefined;
    if (name !== undefined && this.#isOurs(name)) return;
    throw new ApiError(
      403,
      `This server does not answer to the name ${name ?? '(none)'}; use its address, or start it with --names ${name ?? 'NAME'}.`,
      { code: 'host_not_allowed' },
    );
  }

  /** @returns the headers that let the page read the answer. @throws ApiError 403 */
  checkOrigin({ origin, host }: Headers): Readonly<Record<string, string>> {
    if (typeof origin !== 'string') return {};
    if (this.#isLetIn(origin))
      return {
        'access-control-allow-origin': origin,
        'access-control-expose-headers':
          'x-request-id, x-qmesh-request-id, x-qmesh-worker, x-qmesh-tries, x-qmesh-queue-ms, retry-after',
        vary: 'origin',
      };
    if (URL.canParse(origin) && new URL(origin).host === host) return {};
    throw new ApiError(403, `Web pages from ${origin} may not use this server; start it with --cors to allow them.`, {
      code: 'origin_not_allowed',
    });
  }

  /** Of a preflight, beside those of `checkOrigin`. */
  preflight(headers: Headers): Readonly<Record<string, string>> {
    const wanted = headers['access-control-request-headers'];
    return {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': typeof wanted === 'string' ? wanted : 'authorization, content-type',
      'access-control-max-age': '600',
      ...(headers['access-control-request-private-network'] === 'true' && {
        'access-control-allow-private-network': 'true',
      }),
    };
  }

  /** @throws ApiError 401 */
  checkKey({ authorization = '' }: Headers): void {
    if (this.#keys.length === 0) return;
    const [, given] = /^bearer +(.*)$/i.exec(String(authorization)) ?? [];
    const shown = digest(given ?? '');
    // all of them are compared, so that the time says nothing of which
    const isKnown = this.#keys.map((key) => timingSafeEqual(key, shown)).includes(true);
    if (given !== undefined && isKnown) return;
    const message =
      given === undefined ? 'An API key is required: Authorization: Bearer KEY.' : 'This API key is not valid here.';
    throw new ApiError(401, message, { code: 'invalid_api_key' });
  }

  #isOurs(name: string): boolean {
    if (isIP(name) !== 0 || /(^|\.)localhost$/.test(name)) return true;
    return this.#rules.names.includes(name) || (!this.#rules.isLocal && !name.includes('.'));
  }

  #isLetIn(origin: string): boolean {
    const { cors } = this.#rules;
    return cors.includes('*') || cors.includes(origin);
  }
}

/** Equal in length whatever the key's. */
const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

function hostName(host: string): string | undefined {
  const url = `http://${host}`;
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
