/**
 * A process to lose: `node load-model.mjs MODEL` gives a file to llama.cpp as it is, asks for three tokens and prints one
 * line of JSON: `{ "loaded": true }` or `{ "loaded": false, "reason": … }`. A file that kills llama.cpp kills this process.
 */
import { getLlama } from 'node-llama-cpp';

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'disabled' });
const outcome = await load(process.argv[2]).then(
  () => ({ loaded: true }),
  (error) => ({ loaded: false, reason: String(error) }),
);
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));

async function load(modelPath) {
  const model = await llama.loadModel({ modelPath, checkTensors: true });
  const context = await model.createContext({ contextSize: 256, threads: 1 });
  let tokens = 0;
  for await (const _ of context.getSequence().evaluate(model.tokenize('aa bb'), { temperature: 0 }))
    if (++tokens >= 3) return;
}
