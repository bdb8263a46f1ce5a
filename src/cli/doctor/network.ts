/**
 * Checks of the network: the port of this machine's mesh, the bootstrap nodes, the NAT in between, and the admin page's
 * port.
 */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { createServer } from 'node:net';
import { askWorker } from '../../actors/control/ask.js';
import { defaultLocalPort } from '../../actors/network/hyperswarm-network.js';
import { isHeld, lookAround, lookAroundAll, publicNodes, type NodeSeen } from '../../actors/network/look-around.js';
import type { Bootstrap } from '../../actors/ports.js';
import { parseAdmin } from '../../admin/address.js';
import { isLoopback, isPrivate, natOf } from '../../rules/nat.js';
import { isCode, messageOf } from '../../runtime/errors.js';
import type { Settings } from '../../settings.js';
import { fail, ok, skip, warn, type Check, type Finding, type Subject } from './finding.js';

const loopback = '127.0.0.1';

export const checkMesh: Check = async (subject) => {
  const { bootstrap } = subject.values;
  switch (bootstrap.kind) {
    case 'local':
      return checkLocal(bootstrap.port ?? defaultLocalPort);
    case 'nodes':
      return judge(await around(subject.values, bootstrap.nodes), 'of this mesh');
    case 'public':
      if (!subject.isPublic) return skip('Set to the public mesh, which is asked only with: qmesh doctor --public');
      return judge(await around(subject.values, publicNodes()), 'of the world');
  }
};

async function checkLocal(port: number): Promise<Finding> {
  const address = { host: loopback, port };
  if (await isHeld(address)) return ok(`The mesh of this machine is there, on UDP port ${port}.`);
  const problem = await whyNotUdp(port);
  if (problem === undefined) return ok(`This machine's mesh is empty so far, and its UDP port ${port} is free.`);
  return fail(
    `UDP port ${port} on ${loopback} is taken (${problem}), by something other than QMesh.`,
    'Free it, or use another one: QMESH_BOOTSTRAP=local:PORT',
  );
}

function whyNotUdp(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      resolve(error.message);
    });
    socket.bind({ address: loopback, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

/** On the public mesh only the bootstrap nodes are contacted: the nodes they name are strangers. */
const around = (values: Settings, nodes: readonly { readonly host: string; readonly port: number }[]) =>
  (values.bootstrap.kind === 'nodes' ? lookAroundAll : lookAround)(
    nodes,
    nodes.every(({ host }) => isLoopback(host)) ? loopback : values.host,
  );

function judge(seen: readonly NodeSeen[], whose: string): Finding {
  const dead = seen.filter(({ seenAs }) => seenAs === undefined);
  const words = dead.map(({ node, problem }) => `${node.host}:${node.port}: ${problem ?? ''}`).join('; ');
  if (dead.length === seen.length)
    return fail(
      `None of the nodes ${whose} answers (${words}).`,
      'Is one of them running (qmesh dht), and does a firewall let UDP through? The addresses: QMESH_BOOTSTRAP',
    );
  const alive = seen.flatMap(({ roundTripMs }) => (roundTripMs === undefined ? [] : [roundTripMs]));
  const what = `${alive.length} of ${seen.length} nodes ${whose} answer, the fastest within ${Math.ceil(Math.min(...alive))} ms.`;
  return dead.length === 0
    ? ok(what)
    : warn(
        `${what} ${words}.`,
        'Start those again, let all four ports of qmesh dht through its firewall, or take them out of QMESH_BOOTSTRAP.',
      );
}

export const checkNat: Check = async (subject) => {
  const { values, isPublic } = subject;
  const nodes = nodesToAsk(values.bootstrap, isPublic);
  if (values.bootstrap.kind === 'local' && !isPublic)
    return ok('The mesh is on this machine, with no router in between.');
  if (nodes.length === 0) return skip('Only public nodes could tell; to ask them: qmesh doctor --public');
  const seenAs = (await around(values, nodes)).flatMap((seen) => seen.seenAs ?? []);
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const place = seenAs[0] === undefined ? '' : ` Others see ${seenAs[0].host}.`;
  switch (natOf(seenAs, own)) {
    case 'loopback':
      return ok('The bootstrap nodes are on this machine, with no router in between.');
    case 'none':
      return ok(
        `No router translates addresses; ${isPrivate(seenAs[0]?.host ?? '') ? 'a private network' : 'on the internet'}.${place}`,
      );
    case 'consistent':
      return ok(`A router translates addresses, in a way that others can get through.${place}`);
    case 'translated':
      return ok(`A router translates addresses; one node alone cannot tell how.${place}`);
    case 'random':
      return warn(
        `The router uses another port for every peer (a symmetric NAT).${place}`,
        'Nodes behind another such router cannot be reached. Forward a UDP port to this machine, or use a network without it.',
      );
    case 'unknown':
      return skip('No node answered that could tell.');
  }
};

function nodesToAsk(bootstrap: Bootstrap, isPublic: boolean): readonly { host: string; port: number }[] {
  if (isPublic) return publicNodes();
  return bootstrap.kind === 'nodes' ? bootstrap.nodes : [];
}

export const checkAdmin = async ({ values }: Pick<Subject, 'values'>): Promise<Finding> => {
  const address = parseAdmin(values.admin);
  if (address === undefined || address === 'off') return skip('Switched off (QMESH_ADMIN).');
  const problem = await whyNotTcp(address.host, address.port);
  if (problem === undefined) return ok(`http://${address.host}:${address.port} is free.`);
  const worker = await askWorker({ path: values.home }, { do: 'status' }).catch(() => 'none' as const);
  if (problem.isTaken && worker !== 'none')
    return ok(`http://${address.host}:${address.port}, held by the worker that runs here.`);
  return warn(
    `${address.host}:${address.port} is not available (${problem.message}).`,
    'Choose another address with QMESH_ADMIN=host:port, or end the program that uses it.',
  );
};

function whyNotTcp(host: string, port: number): Promise<{ message: string; isTaken: boolean } | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve({ message: messageOf(error), isTaken: isCode(error, 'EADDRINUSE') }));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
