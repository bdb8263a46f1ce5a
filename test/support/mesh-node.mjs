/**
 * A process of a local mesh, for tests that kill one: `node mesh-node.mjs <dist> <localPort> <server|client> <seed hex>`.
 * Prints a JSON line for each thing that happens; a server echoes, a client pings every 100 ms.
 */
import { join } from 'node:path';

const [dist, localPort, role, seed] = process.argv.slice(2);
const load = (path) => import(join(dist, path));
const { createHyperswarmNetwork } = await load('actors/network/hyperswarm-network.js');
const { systemClock } = await load('runtime/clock.js');
const { systemRandom } = await load('runtime/random.js');

const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const log = {
  debug: () => {},
  info: (event, fields) => say(event, fields),
  warn: (event, fields) => say(event, fields),
  error: (event, fields) => say(event, fields),
  child: () => log,
};

const network = createHyperswarmNetwork({
  bootstrap: { kind: 'local', port: Number(localPort) },
  host: '127.0.0.1',
  clock: systemClock,
  random: systemRandom,
  log,
});
const dht = network.open({
  ready(info) {
    say('ready', info);
    const topic = dht.join(
      {
        topic: '07'.repeat(32),
        keySeed: Buffer.from(seed, 'hex'),
        server: role === 'server',
        client: role === 'client',
        maxConnections: 64,
      },
      {
        connection: role === 'server' ? echo : ping,
        failed: ({ message }) => say('failed', { message }),
        closed: () => {},
      },
    );
    if (role === 'client') setInterval(() => topic.refresh(), 500);
  },
  failed: ({ message }) => say('failed', { message }),
  closed: () => say('closed'),
});
process.on('SIGTERM', () => dht.close());

function echo(connection) {
  connection.listen({ data: (bytes) => connection.write(bytes), closed: () => {} });
}

function ping(connection) {
  say('connected', { key: connection.remoteKey });
  const timer = setInterval(() => connection.write(Buffer.from('ping')), 100);
  connection.listen({
    data: () => say('pong', { key: connection.remoteKey }),
    closed: () => {
      clearInterval(timer);
      say('disconnected', { key: connection.remoteKey });
    },
  });
}
