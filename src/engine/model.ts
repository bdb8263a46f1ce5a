/** Loading: the model, one context of as many sequences as there are slots, and everything that is chosen for them. */
import process from 'node:process';

import { getLlama, LlamaLogLevel, type Llama, type LlamaModel } from 'node-llama-cpp';

import type { Clock } from '../runtime/clock.js';
import { usableCores } from '../runtime/container-limits.js';
import { runCapabilities } from '../protocol/run.js';
import { plainMessage } from './failure.js';
import type { LoadedModel, LoadOptions } from './messages.js';
import { nativeContextOf, newSampler, type NativeContext } from './native.js';
import { maxSliceTokens } from './prefill-pace.js';
import { Samplers } from './samplers.js';
import { Tokenizer } from './tokenizer.js';

/** Of what llama.cpp says while it loads, the end is kept: there it says why it refuses. */
const maxLogLines = 20;
const progressSteps = 20;
/** Its lines arrive a little later than its failure. */
const logSettlesMs = 20;

export interface Engine {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: NativeContext;
  readonly samplers: Samplers;
  readonly tokenizer: Tokenizer;
  readonly info: LoadedModel;
  dispose(): Promise<void>;
}

/** @param onProgress called at most progressSteps times, with the share of the file that is loaded */
export async function loadEngine(
  options: LoadOptions,
  clock: Clock,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Engine> {
  const log: string[] = [];
  let step = 0;
  const inSteps = (share: number): void => {
    if (Math.floor(share * progressSteps) <= step) return;
    step = Math.floor(share * progressSteps);
    onProgress(share);
  };
  try {
    return await load(options, inSteps, signal, log);
  } catch (error) {
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, logSettlesMs));
    throw new Error(reasonIn(log) ?? plainMessage(error), { cause: error });
  }
}

/** What llama.cpp said is wrong with the file; what the library throws is only that it could not be loaded. */
function reasonIn(log: readonly string[]): string | undefined {
  const reasons = log.map((line) => /(?:error loading model|^[a-z_]+): (?<reason>.+)/u.exec(line)?.groups?.reason);
  const told = reasons.find((reason) => reason !== undefined && reason !== 'failed to load model');
  return told === undefined ? undefined : plainMessage(told.replace(/^error loading model: /u, ''));
}

async function load(
  options: LoadOptions,
  onProgress: (share: number) => void,
  signal: AbortSignal,
  log: string[],
): Promise<Engine> {
  const llama = await getLlama({
    gpu: options.gpuLayers === 0 ? false : 'auto',
    build: 'never',
    skipDownload: true,
    maxThreads: 0, // ours to set: see setThreads
    logLevel: LlamaLogLevel.error,
    logger: (_level, message) => {
      log.push(message.trim());
      if (log.length > maxLogLines) log.shift();
      process.stderr.write(message.endsWith('\n') ? message : `${message}\n`);
    },
  });
  const model = await llama.loadModel({
    modelPath: options.modelPath,
    gpuLayers: options.gpuLayers < 0 ? 'auto' : options.gpuLayers,
    checkTensors: options.checkTensors ?? false,
    onLoadProgress: onProgress,
    loadSignal: signal,
  });
  const threads = options.threads ?? usableCores();
  const context = await model.createContext({
    contextSize: options.contextSize,
    sequences: options.slots,
    batchSize: Math.max(options.slots, maxSliceTokens),
    threads,
    flashAttention: 'auto',
    failedCreationRemedy: false,
  });
  const contextSize = Math.min(options.contextSize, context.contextSize);
  const tokenizer = new Tokenizer(model, contextSize);
  const samplers = new Samplers(() => newSampler(llama, model));
  return {
    llama,
    model,
    context: nativeContextOf(context),
    samplers,
    tokenizer,
    info: {
      contextSize,
      trainContextSize: model.trainContextSize,
      slots: options.slots,
      threads,
      device: llama.gpu === false ? 'cpu' : llama.gpu,
      gpuLayers: model.gpuLayers,
      chatFormat: tokenizer.chatFormat.name,
      capabilities: runCapabilities,
    },
    dispose: async () => {
      samplers.dispose();
      await context.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}
