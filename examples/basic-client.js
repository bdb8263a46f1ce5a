/** Asks the mesh one question and prints the whole answer: `node examples/basic-client.js "count from 5"`. */
import process from 'node:process';
import { QMeshClient } from 'qmesh';

const prompt = process.argv[2] ?? 'count from 5';

const client = await QMeshClient.connect({ bootstrap: process.env.QMESH_BOOTSTRAP ?? 'local' });
try {
  const result = await client.generate({ prompt, options: { maxTokens: 32, temperature: 0 } });
  console.log(result.text);
  console.error(`${result.usage.completionTokens} tokens by ${result.model.name} (${result.finishReason})`);
} finally {
  await client.close();
}
