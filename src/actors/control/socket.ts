/**
 * The worker's end of the control socket.
 *
 * 1. What a killed worker left at the place is removed: the lock of the home says that no other worker lives there.
 * 2. It listens; each connection brings one request and gets one answer.
 * 3. `close`: its file is gone when that returns; answers that are on their way still arrive.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { asError } from '../../runtime/errors.js';
import type { Home } from '../home/home.js';
import { onFirstLine } from './line.js';
import { controlRequest, type ControlAnswer, type ControlPort, type Reply } from './messages.js';
import { controlPlace, type ControlPlace } from './place.js';

const maxConnections = 16;
/** To ask, and then to read the answer. */
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
  const before = process.umask(0o177); // from its first moment nobody else may open it
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
}
