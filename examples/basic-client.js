/** Asks the mesh one question and prints the whole answer: `node examples/basic-client.js "count from 5"`. */
import process from 'node:process';
import { QMeshClient } from 'qmesh';

const prompt = process.argv[2] ?? 'count from 5';

const client = await QMeshClient.connect();
try {
  const { text, model, worker } = await client.generate({ prompt, options: { maxTokens: 32, temperature: 0 } });
  console.log(text);
  console.error(`${model?.name ?? 'no model'} on worker ${worker?.slice(0, 8) ?? 'none'}`);
} finally {
  await client.close();
}
