/** What is no request, or none that can be read, is still answered as a program's library reads it. */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import type { Gateway } from '../../../src/gateway/gateway.js';
import { gatewayBefore, hi, ScriptedMesh } from './scripted-mesh.js';

let gateway: Gateway | undefined;
afterEach(() => gateway?.close(0));

/** @returns the whole answer to these bytes; the server ends the connection. */
async function answerTo(bytes: string | Buffer): Promise<string> {
  gateway = gatewayBefore(new ScriptedMesh());
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket
      .on('data', (data) => (text += String(data)))
      .on('close', () => resolve(text))
      .on('error', reject);
  });
}

const request = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Connection: close', ...headers, '', ''].join('\r\n');
const ours = 'Host: 127.0.0.1';

it.each([
  ['bytes that are no HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
  ['headers without an end', request('/v1/models', ours, `X: ${'a'.repeat(20_000)}`), 431, 'headers_too_large'],
  ['a path that cannot be decoded', request('/v1/models/%zz', ours), 400, 'invalid_request'],
  ['no Host', request('/v1/models'), 403, 'host_not_allowed'],
])('%s', async (_, bytes, status, code) => {
  const [head = '', body = ''] = (await answerTo(bytes)).split('\r\n\r\n');
  expect(head).toContain(`HTTP/1.1 ${status} `);
  expect(head.toLowerCase()).toContain('content-type: application/json');
  expect(body).toContain(`"code":"${code}"`);
  expect(body).toContain('"type":');
});

it('a body that is compressed', async () => {
  const { app } = gatewayBefore(new ScriptedMesh());
  const headers = { host: '127.0.0.1', 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const payload = gzipSync(JSON.stringify(hi));
  const { statusCode, json } = await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload });
  expect(statusCode).toBe(415);
  expect(json<{ error: { message: string } }>().error.message).toContain('gzip');
});
