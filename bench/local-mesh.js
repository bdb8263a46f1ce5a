/**
 * A DHT of a few nodes on loopback, in this process. Benches set `QMESH_BOOTSTRAP` to it, so that none meets another
 * mesh.
 */
// @ts-expect-error the package ships no types
import createTestnet from 'hyperdht/testnet.js';

const nodes = 3;

/** @returns {Promise<{ bootstrap: string, destroy: () => Promise<void> }>} */
export async function localMesh() {
  const testnet = await createTestnet(nodes, { host: '127.0.0.1' });
  return {
    bootstrap: testnet.bootstrap.map((/** @type {{ port: number }} */ { port }) => `127.0.0.1:${port}`).join(','),
    destroy: () => testnet.destroy(),
  };
}
