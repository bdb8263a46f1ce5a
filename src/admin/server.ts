/**
 * The worker's own HTTP server, for its owner: the page and its data, `/metrics`, `/healthz` and `/readyz`. All of it
 * is read-only. If the default port is taken, the next free one is used, so that a second worker on the same machine
 * has a page too. An address that was set explicitly is waited for instead.
 */
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { AdminPort } from '../actors/admin.actor.js';
import type { ListenerEvents } from '../actors/listener.actor.js';
import type { WorkerDeps } from '../actors/worker/worker-ports.js';
import { whyNotReady } from '../actors/worker/worker-view.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { isLoopback, type Address } from '../runtime/address.js';
import type { LogRing } from '../runtime/log-ring.js';
import { refusalOf } from './guard.js';
import { Metrics } from './metrics.js';
import { pageFiles, type PageFile } from './page-files.js';
import { Watchers } from './watchers.js';

/** On the default address, how many further ports are tried. */
const sparePorts = 9;
/** A page, a scraper and a probe each hold a connection or two. */
const maxConnections = 64;
const maxRequestMs = 10_000;

/** Allows only our own scripts, styles and pictures, and forbids framing the page. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/** @param isNamed this address was set explicitly, so no other is tried. */
export function adminServer(address: Address & { readonly isNamed: boolean }, ring: LogRing): AdminPort {
  const metrics = new Metrics();
  const files = pageFiles();
  return {
    open(deps, system, on) {
      const charts = [...files.keys()].flatMap((path) => /^\/charts\/(.+)\.svg$/.exec(path)?.[1] ?? []);
      const watchers = new Watchers(deps, system, ring, charts);
      metrics.attach(deps, system, () => watchers.size);
      const server = routes({ deps, system, watchers, metrics, files, isLoopback: isLoopback(address) });
      const open = { sockets: new Set<Socket>(), isClosed: false };
      server.server.on('connection', (socket) => {
        open.sockets.add(socket);
        socket.on('close', () => open.sockets.delete(socket));
      });
      void listen(server, address, on, () => open.isClosed);
      return {
        close() {
          open.isClosed = true;
          watchers.close();
          void server.close();
          for (const socket of open.sockets) socket.destroy(); // a page's stream would keep the server open
        },
      };
    },
  };
}

async function listen(
  server: FastifyInstance,
  { host, port, isNamed }: Address & { readonly isNamed: boolean },
  on: ListenerEvents,
  isClosed: () => boolean,
): Promise<void> {
  const last = isNamed ? port : port + sparePorts;
  for (let tried = port; !isClosed(); tried++) {
    try {
      const url = await server.listen({ host, port: tried });
      on.listening(url.replace(/^http:\/\//, ''));
      return;
    } catch (error) {
      const isTaken = (error as { code?: unknown }).code === 'EADDRINUSE';
      if (isTaken && tried < last) continue;
      on.failed(
        isTaken ? new Error(`${host}:${tried} is taken by another program`, { cause: error }) : (error as Error),
      );
      return;
    }
  }
}

interface Served {
  readonly deps: WorkerDeps;
  readonly system: AnyActorSystem;
  readonly watchers: Watchers;
  readonly metrics: Metrics;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly isLoopback: boolean;
}

function routes({ deps, system, watchers, metrics, files, isLoopback }: Served): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: 1, // no request has a body
    requestTimeout: maxRequestMs,
    connectionTimeout: 0, // a page's stream stays open
    routerOptions: { ignoreTrailingSlash: true },
  });
  server.server.maxConnections = maxConnections;
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers(headers);
    const refusal = refusalOf(request.headers, isLoopback);
    if (refusal !== undefined) await reply.code(403).type('text/plain').send(`${refusal}\n`);
  });
  for (const [path, { type, body }] of files) server.get(path, (_, reply) => reply.type(type).send(body));
  server.get('/events', (_, reply) => stream(reply, watchers));
  server.get('/metrics', async (_, reply) => {
    const { type, body } = await metrics.text();
    return reply.type(type).send(body);
  });
  server.get('/healthz', (_, reply) => reply.send({ status: 'ok', uptimeMs: deps.board.message().uptimeMs }));
  server.get('/readyz', (_, reply) => {
    const reason = whyNotReady(deps, system);
    return reason === null
      ? reply.send({ status: 'ready', models: deps.board.models.map(({ name }) => name) })
      : reply.code(503).send({ status: 'not ready', reason });
  });
  return server;
}

/** Sends server-sent events while the page is open. */
function stream(reply: FastifyReply, watchers: Watchers): void {
  if (watchers.isFull) {
    void reply.code(503).type('text/plain').send('As many pages as may be are open already.\n');
    return;
  }
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
  const remove = watchers.add({
    write: (text) => raw.write(text),
    get unreadBytes() {
      return raw.writableLength;
    },
  });
  raw.on('close', remove);
  raw.on('error', remove);
}
