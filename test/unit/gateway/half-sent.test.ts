/** Programs that send the head of a request and not all of its body keep nobody else from being answered. */
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { Gateway } from '../../../src/gateway/gateway.js';
import { gatewayBefore, hi, ScriptedMesh } from './scripted-mesh.js';

let gateway: Gateway | undefined;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await gateway?.close(0);
});

/** What a connection was told, and whether it is still open. */
interface HalfSent {
  told: string;
  isOpen: boolean;
}

async function halfSent(port: number): Promise<HalfSent> {
  const half: HalfSent = { told: '', isOpen: true };
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('data', (data) => (half.told += String(data)));
  socket.on('error', () => {});
  socket.on('close', () => (half.isOpen = false));
  const head = ['Host: 127.0.0.1', 'Content-Type: application/json', 'Content-Length: 1000'];
  const bytes = ['POST /v1/chat/completions HTTP/1.1', ...head, '', '{'].join('\r\n');
  await new Promise((resolve) => socket.write(bytes, resolve));
  return half;
}

const answer = (port: number): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(hi),
  });

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

it('takes no place before its body is here, and the oldest go where there are too many', async () => {
  const mesh = new ScriptedMesh().does((asked) => asked.taken().say('hello').end());
  gateway = gatewayBefore(mesh, { maxChoicesOpen: 1 });
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  const halves: HalfSent[] = [];
  while (halves.length < 256) halves.push(await halfSent(port));
  const honest = await answer(port); // answered after the server has read all that was written before
  expect(honest.status).toBe(200);
  expect(await honest.text()).toContain('hello');

  while (halves.length < 300) halves.push(await halfSent(port));
  await eventually(() => halves.filter(({ isOpen }) => isOpen).length <= 256);
  expect((await answer(port)).status).toBe(200);
  const [oldest] = halves;
  expect(oldest?.told).toContain('HTTP/1.1 408 ');
  expect(oldest?.told).toContain('"code":"request_timeout"');
  expect(halves.slice(50).every(({ isOpen }) => isOpen)).toBe(true);
  expect(mesh.asked.length).toBe(2);
});

it('is answered once the rest comes', async () => {
  gateway = gatewayBefore(new ScriptedMesh().does((asked) => asked.taken().say('hello').end()));
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  const half = await halfSent(port);
  sockets[0]?.write(JSON.stringify(hi).slice(1).padEnd(999));
  await eventually(() => half.told.includes('hello'));
  expect(half.told).toContain('HTTP/1.1 200 ');
});
