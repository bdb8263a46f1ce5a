/** Paths and methods that this server does not have, and what was probably meant: most often the base URL is not quite right. */
import { ApiError } from './api-error.js';

const endpoints: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'POST',
  '/v1/completions': 'POST',
  '/v1/models': 'GET, HEAD',
  '/healthz': 'GET, HEAD',
};

/** @returns what to say, and the methods that the path does have */
export function notHere(method: string, path: string): { readonly allowed?: string; readonly error: ApiError } {
  const known = path.startsWith('/v1/models/') ? '/v1/models' : path.replace(/\/$/, '');
  const allowed = endpoints[known];
  if (allowed !== undefined)
    return {
      allowed,
      error: new ApiError(405, `${method} is not for ${known}; use ${allowed}.`, { code: 'method_not_supported' }),
    };
  const meant = Object.keys(endpoints).find(
    (each) => path.endsWith(each.replace('/v1', '')) && each.startsWith('/v1/'),
  );
  const hint =
    meant === undefined
      ? `this server has ${Object.keys(endpoints).join(', ')}`
      : `did you mean ${meant}? The base URL ends in /v1, and in nothing else`;
  return { error: new ApiError(404, `${method} ${path} is not here; ${hint}.`, { code: 'unknown_url' }) };
}
