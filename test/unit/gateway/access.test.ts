/** Who may speak to the gateway: pages of strangers may not, by whatever name they reach it; keys count where there are some. */
import { describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway.js';
import { gatewayBefore, hi, ScriptedMesh } from './scripted-mesh.js';

async function get(headers: Record<string, string>, options: Partial<GatewayOptions> = {}, path = '/v1/models') {
  const { app } = gatewayBefore(new ScriptedMesh(), options);
  const {
    statusCode,
    json,
    headers: told,
  } = await app.inject({ url: path, headers: { host: '127.0.0.1', ...headers } });
  return { status: statusCode, told, error: (json<{ error?: { code: string } }>().error ?? {}) as { code?: string } };
}

describe('Host', () => {
  it.each(['127.0.0.1:8080', 'localhost', 'LOCALHOST:1', '[::1]:8080', '192.168.1.7', 'app.localhost'])(
    '%s is this server',
    async (host) => {
      expect(await get({ host })).toMatchObject({ status: 200 });
    },
  );

  it.each([
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'nas',
    'a b',
    'x@127.0.0.1',
  ])('%j is not', async (host) => {
    expect(await get({ host })).toMatchObject({ status: 403, error: { code: 'host_not_allowed' } });
  });

  it('is by another name where the owner says so, and off loopback by one without a dot', async () => {
    expect(await get({ host: 'mesh.example:8080' }, { names: ['mesh.example'] })).toMatchObject({ status: 200 });
    expect(await get({ host: 'gateway:8080' }, { isLocal: false })).toMatchObject({ status: 200 });
    expect(await get({ host: 'evil.example' }, { isLocal: false })).toMatchObject({ status: 403 });
  });
});

describe('Origin', () => {
  it.each(['http://evil.example', 'null', 'https://localhost', 'http://127.0.0.1:3000'])(
    '%s is another page',
    async (origin) => {
      const { status, told, error } = await get({ origin, host: '127.0.0.1:8080' });
      expect({ status, error }).toMatchObject({ status: 403, error: { code: 'origin_not_allowed' } });
      expect(told['access-control-allow-origin']).toBeUndefined();
    },
  );

  it('is let in where the owner says so, preflight included', async () => {
    const cors = ['https://app.example'];
    const allowed = await get({ origin: 'https://app.example' }, { cors });
    expect(allowed).toMatchObject({
      status: 200,
      told: { 'access-control-allow-origin': 'https://app.example', vary: 'origin' },
    });
    expect(await get({ origin: 'https://app.example.evil.example' }, { cors })).toMatchObject({ status: 403 });
    expect(await get({ origin: 'http://any.example' }, { cors: ['*'] })).toMatchObject({ status: 200 });
    const { app } = gatewayBefore(new ScriptedMesh(), { cors, apiKeys: ['key'] });
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: '/v1/chat/completions',
      headers: { host: '127.0.0.1', origin: 'https://app.example', 'access-control-request-headers': 'authorization' },
    });
    expect(preflight.statusCode).toBe(204); // before any key: a browser sends none with it
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-headers': 'authorization',
      'access-control-allow-methods': 'GET, POST',
    });
  });
});

describe('keys', () => {
  const apiKeys = ['sk-one', 'sk-two'];

  it('are asked for where there are some, and only for what they guard', async () => {
    for (const authorization of ['Bearer sk-one', 'bearer  sk-two'])
      expect(await get({ authorization }, { apiKeys })).toMatchObject({ status: 200 });
    for (const authorization of ['', 'Bearer', 'Bearer ', 'Bearer sk-on', 'Bearer sk-one2', 'Basic sk-one', 'sk-one'])
      expect(await get({ authorization }, { apiKeys })).toMatchObject({
        status: 401,
        error: { code: 'invalid_api_key' },
      });
    expect(await get({}, { apiKeys }, '/healthz')).toMatchObject({ status: 200 });
    expect(await get({}, { apiKeys }, '/healthz/../v1/models')).toMatchObject({ status: 401 });
  });

  it('are not looked at where there are none', async () => {
    expect(await get({ authorization: 'Bearer whatever' })).toMatchObject({ status: 200 });
  });

  it('come before anything is read or asked', async () => {
    const mesh = new ScriptedMesh();
    const { app } = gatewayBefore(mesh, { apiKeys });
    const payload = { ...hi, messages: 'x'.repeat(2_000_000) };
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: { host: '127.0.0.1' },
      payload,
    });
    expect(statusCode).toBe(401);
    expect(mesh.asked).toEqual([]);
  });
});
