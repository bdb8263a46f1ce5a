/**
 * Paths and methods that this server does not have, with a hint at what was probably meant: usually the base URL is
 * slightly wrong.
 */
import { ApiError } from './api-error.js';

const endpoints: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'POST',
  '/v1/completions': 'POST',
  '/v1/models': 'GET, HEAD',
  '/healthz': 'GET, HEAD',
};

/** @returns the error, and the methods the path does support */
export function notHere(method: string, path: string): { readonly allowed?: string; readonly error: ApiError } {
  const known = path.startsWith('/v1/models/') ? '/v1/models' : path.replace(/\/$/, '');
  const allowed = endpoints[known];
  if (allowed !== undefined)
    return {
      allowed,
      error: new ApiError(405, `${known} does not support ${method}; use ${allowed}.`, {
        code: 'method_not_supported',
      }),
    };
  const meant = Object.keys(endpoints).find(
    (each) => path.endsWith(each.replace('/v1', '')) && each.startsWith('/v1/'),
  );
  const hint =
    meant === undefined
      ? `it has ${Object.keys(endpoints).join(', ')}`
      : `did you mean ${meant}? The base URL should end in /v1`;
  return { error: new ApiError(404, `This server has no ${method} ${path}; ${hint}.`, { code: 'unknown_url' }) };
}
