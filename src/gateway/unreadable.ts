/**
 * Requests that cannot be parsed or whose path cannot be decoded. They are answered in OpenAI's format too, since
 * client libraries read no other.
 */
import type { FastifyServerOptions } from 'fastify';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from './api-error.js';

type ClientErrorHandler = NonNullable<FastifyServerOptions['clientErrorHandler']>;

const tooSlow = new ApiError(408, 'The request did not arrive in time.', { code: 'request_timeout' });
/** By Node's error code. Any other error means it is not HTTP. */
const errors: Readonly<Record<string, ApiError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: tooSlow,
  HPE_HEADER_OVERFLOW: new ApiError(431, 'The headers of the request are too long.', { code: 'headers_too_large' }),
};
const noHttp = new ApiError(400, 'This is not a request in HTTP.', { code: 'invalid_request' });
const noPath = new ApiError(400, 'The path of the request cannot be decoded.', { code: 'invalid_request' });
const type = 'application/json; charset=utf-8';

/**
 * There is no request object yet. The connection is closed, because it is unknown where the next request would begin.
 */
export const onClientError: ClientErrorHandler = (error, socket) => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  lastWords(socket, errors[error.code] ?? noHttp);
  socket.destroy(error);
};

/** Ends a connection whose request takes too long to arrive. */
export function giveUp(socket: Socket): void {
  lastWords(socket, tooSlow);
  socket.destroy();
}

function lastWords(socket: Socket, { status, body }: ApiError): void {
  const text = JSON.stringify(body);
  if (socket.writable)
    socket.write(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
        'Connection: close',
        `Content-Type: ${type}`,
        `Content-Length: ${Buffer.byteLength(text)}`,
        '',
        text,
      ].join('\r\n'),
    );
}

/** A path with an invalid percent-encoding. */
export function onUndecodable(response: ServerResponse): void {
  const { status, body } = noPath;
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
