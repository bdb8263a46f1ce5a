/**
 * The models with known answers, slowed down to tens of milliseconds per token by a wide layer that adds nothing, so
 * that a test can act between two tokens.
 */
import { join } from 'node:path';
import { demoModel } from '../../src/gguf/demo-model.js';
import { keyedModel } from '../../src/gguf/keyed-model.js';
import { TensorType } from '../../src/gguf/format.js';
import { uint32, writeGguf, type TensorSource } from '../../src/gguf/writer.js';

const models = { demo: demoModel, keyed: keyedModel } as const;
const bytesPerWeight = 4;

/** @param width of the layer; 65,536 costs reading 100 MB per token. @returns the file's path */
export async function writeSlowModel(kind: keyof typeof models, folder: string, width = 65_536): Promise<string> {
  const { metadata, tensors } = models[kind]();
  const path = join(folder, `${kind}-slow.gguf`);
  await writeGguf(path, {
    metadata: { ...metadata, 'llama.feed_forward_length': uint32(width) },
    tensors: tensors.map((tensor) => (/ffn_(gate|up|down)/.test(tensor.name) ? widened(tensor, width) : tensor)),
  });
  return path;
}

function widened({ name, dims: [inputs = 0, outputs = 0] }: TensorSource, width: number): TensorSource {
  const dims = name.includes('down') ? [width, outputs] : [inputs, width];
  const rows = 128; // of either matrix there is a multiple of these
  const chunk = new Uint8Array((bytesPerWeight * (dims[0] ?? 0) * (dims[1] ?? 0)) / rows);
  return { name, type: TensorType.f32, dims, data: () => Array.from({ length: rows }, () => chunk) };
}
