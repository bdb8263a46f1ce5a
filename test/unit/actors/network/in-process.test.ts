import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { createInProcessNetwork } from '../../../../src/actors/network/in-process.js';
import type { Connection } from '../../../../src/actors/ports.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const topic = 'a'.repeat(64);
const ignore = { ready() {}, failed() {}, closed() {} };

function networkWithWorker() {
  const clock = new VirtualClock();
  const network = createInProcessNetwork(clock, { worker: 'w', client: 'c' });
  const accepted: Connection[] = [];
  const listen = (): void => {
    const options = { topic, keySeed: new Uint8Array(32), server: true, client: false, maxConnections: 1 };
    network.port
      .open(ignore)
      .join(options, { connection: (connection) => void accepted.push(connection), failed() {}, closed() {} });
    clock.advance(1);
  };
  const dialled: Connection[] = [];
  const dial = (): void => network.dial(topic, (connection) => void dialled.push(connection));
  return { clock, network, listen, dial, accepted, dialled };
}

it('connects who dialled before the worker listened, and after', () => {
  const { listen, dial, accepted, dialled, network } = networkWithWorker();
  dial();
  expect([dialled.length, network.isConnected]).toEqual([0, false]);
  listen();
  dial();
  expect([accepted, dialled].map((ends) => ends.map(({ remoteKey }) => remoteKey))).toEqual([
    ['c', 'c'],
    ['w', 'w'],
  ]);
  expect(network.isConnected).toBe(true);
});

it('carries bytes in order, later, also those written before anybody listens and just before an end', () => {
  const { clock, listen, dial, accepted, dialled } = networkWithWorker();
  listen();
  dial();
  const [near, far] = [dialled[0]!, accepted[0]!];
  const heard: string[] = [];
  near.write(Buffer.from('a'));
  near.write(Buffer.from('b'));
  expect(near.unsentBytes).toBe(2);
  clock.advance(1);
  expect(near.unsentBytes).toBe(0);
  far.listen({ data: (bytes) => void heard.push(Buffer.from(bytes).toString()), closed: () => void heard.push('end') });
  near.write(Buffer.from('c'));
  expect(heard).toEqual(['a', 'b']);
  near.end();
  clock.advance(5);
  expect(heard).toEqual(['a', 'b', 'c', 'end']);
});

it('is not connected any more once either end is closed, and both hear of it once', () => {
  for (const side of ['dialled', 'accepted'] as const) {
    const mesh = networkWithWorker();
    mesh.listen();
    mesh.dial();
    let ends = 0;
    for (const end of [mesh.dialled[0]!, mesh.accepted[0]!]) end.listen({ data() {}, closed: () => (ends += 1) });
    mesh[side][0]!.destroy();
    mesh[side][0]!.destroy();
    mesh.clock.advance(5);
    expect([ends, mesh.network.isConnected]).toEqual([2, false]);
    mesh.dial();
    expect(mesh.network.isConnected).toBe(true);
  }
});
