/** The mesh of one machine: real processes, real kills. A port of its own each, so nobody's real mesh is touched. */
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { MeshProcess, type MeshLine } from '../support/mesh-process.js';

const is =
  (event: string, key?: string) =>
  (line: MeshLine): boolean =>
    line.event === event && (key === undefined || line.key === key);

const sockets: Socket[] = [];

/** A port that was free just now. */
async function freePort(): Promise<number> {
  const socket = await bind(0);
  const { port } = socket.address();
  sockets.splice(sockets.indexOf(socket), 1);
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

function bind(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, '127.0.0.1', () => {
      sockets.push(socket);
      resolve(socket);
    });
  });
}

afterEach(async () => {
  await MeshProcess.endAll();
  for (const socket of sockets.splice(0)) socket.close();
});

describe('the local mesh', () => {
  it('has exactly one holder, however many start at once', async () => {
    const port = await freePort();
    const members = Array.from({ length: 5 }, (_, place) => new MeshProcess(port, 'server', place + 1));
    const ready = await Promise.all(members.map((member) => member.says(is('ready'))));
    expect(ready.filter(({ holdsLocal }) => holdsLocal)).toHaveLength(1);
  });

  it('survives kill -9 of its holder, then the end of all who were there: streams go on, newcomers find who is left', async () => {
    const port = await freePort();
    const holders = [new MeshProcess(port, 'server', 1)];
    await holders[0]!.says(is('ready'));
    const worker = new MeshProcess(port, 'server', 2);
    await worker.says(is('ready'));
    const client = new MeshProcess(port, 'client', 3);
    await client.says(is('ready'));
    // Two servers: the holder and the worker. What is asked below is about the one that stays.
    const first = await client.says(is('connected'));
    const second = await client.says((line) => line.event === 'connected' && line.key !== first.key);
    expect(first.key).not.toBe(second.key);

    await holders[0]!.end('SIGKILL');
    const moved = await Promise.race([worker.says(is('dht.moved')), client.says(is('dht.moved'))]);
    expect(moved.event).toBe('dht.moved');
    client.forget();
    const pong = await client.says(is('pong'));
    const kept = pong.key!;
    const newcomer = new MeshProcess(port, 'client', 4);
    await newcomer.says(is('connected', kept));
    await newcomer.says(is('pong', kept));

    await client.end('SIGKILL'); // which of the two held it is chance: after both, neither does
    await worker.end('SIGTERM');
    const heir = new MeshProcess(port, 'server', 5);
    await heir.says(is('ready'));
    newcomer.forget();
    await newcomer.says((line) => line.event === 'connected' && line.key !== kept);
  });

  it('says what to do where another program has the port', async () => {
    const port = await freePort();
    await bind(port);
    const { message } = await new MeshProcess(port, 'server', 1).says(is('failed'));
    expect(message).toBe(
      `port ${port} on 127.0.0.1 is taken by another program; free it, or meet on another one with QMESH_BOOTSTRAP=local:PORT`,
    );
  });
});
