/**
 * The worker's end of the control socket.
 *
 * 1. Removes what a killed worker left behind: the home's lock guarantees that no other worker is running there.
 * 2. Listens; each connection brings one request and gets one answer.
 * 3. `close`: the file is gone when it returns; answers already on their way still arrive.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { asError } from '../../runtime/errors.js';
import type { Home } from '../home/home.js';
import { onFirstLine } from './line.js';
import { controlRequest, type ControlAnswer, type ControlPort, type Reply } from './messages.js';
import { controlPlace, type ControlPlace } from './place.js';

const maxConnections = 16;
/** For sending the request, and then for reading the answer. */
const requestTimeoutMs = 5_000;

export const controlSocket = (home: Home): ControlPort => ({
  listen(answer, on) {
    const connections = new Set<Socket>();
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.setTimeout(requestTimeoutMs, () => socket.destroy());
      onFirstLine(socket, (value) => {
        const request = controlRequest.safeParse(value);
        const reply: Reply = (told) => socket.end(`${JSON.stringify(told)}\n`);
        if (request.success) answer(request.data, reply);
        else reply(notUnderstood);
      });
    });
    server.maxConnections = maxConnections;
    let isOver = false;
    const close = (): void => {
      if (isOver) return;
      isOver = true;
      server.close();
      for (const socket of connections) socket.destroySoon();
    };
    const failed = (error: unknown): void => {
      if (isOver) return;
      close();
      on.failed(asError(error));
    };
    server.on('error', failed);
    server.on('listening', () => {
      if (!isOver) on.listening(controlPlace(home).path);
    });
    try {
      listen(server, controlPlace(home));
    } catch (error) {
      queueMicrotask(() => failed(error));
    }
    return { close };
  },
});

const notUnderstood: ControlAnswer = {
  error: { code: 'bad_request', message: 'The worker does not know this request; is it of another version?' },
};

function listen(server: Server, { path, isFile }: ControlPlace): void {
  if (!isFile) {
    server.listen(path);
    return;
  }
  rmSync(path, { force: true });
  const before = process.umask(0o177); // so nobody else can ever open it
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
}
