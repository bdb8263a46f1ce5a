import { expect, it } from 'vitest';
import { createHyperswarmNetwork } from '../../../../src/actors/network/hyperswarm-network.js';
import { systemClock } from '../../../../src/runtime/clock.js';
import { nullLogger } from '../../../../src/runtime/log.js';
import { systemRandom } from '../../../../src/runtime/random.js';

it.each(['::1', '::', 'localhost'])('%s is not bound: no other node could be reached from it', async (host) => {
  const bootstrap = { kind: 'nodes', nodes: [{ host: '192.0.2.1', port: 1 }] } as const;
  const network = createHyperswarmNetwork({
    bootstrap,
    host,
    clock: systemClock,
    random: systemRandom,
    log: nullLogger,
  });
  const { message } = await new Promise<Error>((failed, ready) =>
    network.open({ ready: () => ready(new Error('it was bound')), failed, closed: () => {} }),
  );
  expect(message).toBe(
    `cannot bind ${host} (it is not an IPv4 address); set QMESH_HOST to an IPv4 address of this machine`,
  );
});
