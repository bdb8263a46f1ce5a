/** What a node that offers a model counts as sent. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { ModelCore } from '../../../../src/actors/models/model-core.js';
import type { ModelMesh } from '../../../../src/actors/models/model-mesh.js';
import readBlocks from '../../../../src/actors/models/read-blocks.js';
import { shareModel } from '../../../../src/actors/models/share-model.js';
import { unlimited } from '../../../../src/actors/models/throttle.js';
import { writeModel } from '../../../../src/gguf/models.js';
import { closeMesh, newFolder } from '../../../support/model-mesh.js';

afterEach(closeMesh);

it('a block counts as sent when its peer has it, and not at all when the peer is gone', async () => {
  const path = `${newFolder()}/model.gguf`;
  await writeModel('bench-tiny', path);
  const { sha256, bytes, tree } = await readBlocks({ path });
  let offered: ModelCore | undefined;
  const swarm = { share: (core: ModelCore) => ((offered = core), () => {}) };
  let sentBytes = 0;
  const shared = await shareModel(
    path,
    { sha256, bytes, tree: Buffer.from(tree.root).toString('hex') },
    {
      coresFolder: newFolder(),
      mesh: { swarm, offer: () => () => {} } as unknown as ModelMesh,
      upload: unlimited,
      catalog: [],
      readTree: () => Promise.resolve(tree),
      sent: (count) => (sentBytes += count),
    },
  );
  try {
    const sendTo = async (...isThere: readonly Promise<boolean>[]): Promise<void> => {
      for (const answer of isThere) offered?.core.emit('upload', 0, 100, { stream: { flush: () => answer } });
      await setImmediate();
    };
    await sendTo(Promise.resolve(false), new Promise(() => {}));
    expect(sentBytes).toBe(0);
    await sendTo(Promise.resolve(true));
    expect(sentBytes).toBe(100);
  } finally {
    await shared.close();
  }
});
