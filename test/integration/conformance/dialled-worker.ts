/** A real worker on a DHT of its own, and the stranger's node that dials it. */
import { expect } from 'vitest';
import { startTestnet, WorkerProcess } from '../../support/worker-process.js';
import { Account, Mesh, type WireClient } from './wire-client.js';

export class DialledWorker {
  private constructor(
    readonly process: WorkerProcess,
    readonly workerId: string,
    readonly mesh: Mesh,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}, home?: string): Promise<DialledWorker> {
    const testnet = await startTestnet();
    const process = await WorkerProcess.start(testnet, env, home);
    const { workerId } = await process.ready();
    const mesh = new Mesh(testnet.nodes);
    return new DialledWorker(process, workerId, mesh, async () => {
      await mesh.destroy();
      await process.stop();
      await testnet.destroy();
    });
  }

  /** Closes every client, and sees that no test has ended the worker. */
  async closeClients(): Promise<void> {
    await this.mesh.closeClients();
    expect(this.process.isRunning).toBe(true);
  }

  dial(account?: Account): Promise<WireClient> {
    return this.mesh.dial(this.workerId, account);
  }

  /** As the worker's owner, who has no rate limit. */
  dialAsOwner(): Promise<WireClient> {
    return this.dial(new Account(this.process.ownerSeed));
  }
}
