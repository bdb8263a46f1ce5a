/** Two real workers, one of whom invents its answers: a client that has them checked finds out, over a real network. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHyperswarmNetwork } from '../../src/actors/network/hyperswarm-network.js';
import type { RunningWorker } from '../../src/actors/worker/start-worker.js';
import type { CheckedAnswer } from '../../src/client/client.js';
import { keyPairFromSeed } from '../../src/protocol/keys.js';
import { systemClock } from '../../src/runtime/clock.js';
import { nullLogger } from '../../src/runtime/log.js';
import { systemRandom } from '../../src/runtime/random.js';
import { lying } from '../simulation/world/lies.js';
import { countFrom } from '../simulation/world/sim-engine.js';
import { QMeshClient } from '../support/built-client.js';
import { ModelFolder } from '../support/engine-harness.js';
import { startWorkerHere } from '../support/worker-in-process.js';
import { startTestnet, type Testnet } from '../support/worker-process.js';

const folder = new ModelFolder();
const [honest, liar] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const [honestId, liarId] = [keyPairFromSeed(honest).publicKeyHex, keyPairFromSeed(liar).publicKeyHex];
const ambient = { clock: systemClock, random: systemRandom, log: nullLogger };
/** Guests may ask so seldom that an honest worker would send this client to the other one. */
const standing = () => 'gold' as const;
let testnet: Testnet;
let workers: RunningWorker[] = [];
let client: QMeshClient;

beforeAll(async () => {
  testnet = await startTestnet();
  const modelPath = await folder.model('demo');
  const bootstrap = { kind: 'nodes', nodes: testnet.nodes } as const;
  const network = createHyperswarmNetwork({ ...ambient, bootstrap, host: '127.0.0.1' });
  workers = [
    startWorkerHere({ testnet, modelPath, seed: honest, ports: { standing } }),
    startWorkerHere({
      testnet,
      modelPath,
      seed: liar,
      ports: { standing, network: lying(network, 'invents', systemClock, systemRandom) },
    }),
  ];
  client = await QMeshClient.connect({ bootstrap, host: '127.0.0.1', spotChecks: 1 });
}, 60_000);

afterAll(async () => {
  await client.close();
  for (const { tree } of workers) await new Promise<void>((resolve) => tree.stop(resolve));
  await testnet.destroy();
  folder.remove();
}, 60_000);

it('what is true stands, what is invented does not, and who invents is asked last', { timeout: 60_000 }, async () => {
  const checks: CheckedAnswer[] = [];
  client.on('checked', (checked) => checks.push(checked));
  const areThere = (): boolean => client.workers().filter(({ status }) => status.models.length > 0).length === 2;
  while (!areThere()) await new Promise((resolve) => client.once('worker', resolve));
  const ask = async (from: number, more = {}): Promise<string> => {
    const request = { prompt: `count from ${from}`, options: { maxTokens: 20 }, ...more };
    const { text } = await client.generate(request);
    await client.checksSettled();
    return text;
  };
  expect(await ask(5, { pin: honestId })).toBe(countFrom(5, 20));
  expect(checks).toMatchObject([{ worker: honestId, checker: liarId, verdict: 'valid', isAvoided: false }]);
  expect(await ask(5, { pin: liarId })).not.toBe(countFrom(5, 20));
  expect(checks[1]).toMatchObject({ worker: liarId, checker: honestId, verdict: 'improbable', isAvoided: true });
  for (let from = 1; from < 6; from++) expect(await ask(from)).toBe(countFrom(from, 20));
});
