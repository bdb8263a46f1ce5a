/**
 * Who may use this server, checked before a body is read. Any web page open in a browser on this machine can reach a
 * server on loopback. So `Host` must be a name of this server, which stops DNS rebinding, and `Origin` must not be
 * another site unless it was allowed. Keys are compared in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { ApiError } from './api-error.js';

export interface AccessRules {
  /** If empty, everyone who can reach the server may use it. */
  readonly apiKeys: readonly string[];
  /** Origins of web pages that may use it; `*` allows all. */
  readonly cors: readonly string[];
  /** Names of this server besides its addresses and `localhost`. */
  readonly names: readonly string[];
  /**
   * Only this machine can reach it. Otherwise names without a dot are accepted too, as container networks use them: no
   * stranger can own one.
   */
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

  /** Headers for a preflight, in addition to those of `checkOrigin`. */
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
    // all keys are compared, so that timing does not reveal which one matched
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

/** Same length for every key. */
const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

function hostName(host: string): string | undefined {
  const url = `http://${host}`;
  if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
