/**
 * Entry of a short-lived process (src/actors/host/devices.ts forks it): asks llama.cpp what it would compute on, and ends. Apart, since a broken
 * driver ends the process that loads it.
 */
import process from 'node:process';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { plainMessage } from './failure.js';

export type DevicesAnswer =
  | {
      /** 'cuda', 'metal' or 'vulkan'; false is the processor. */
      readonly gpu: string | false;
      readonly names: readonly string[];
      readonly memoryBytes: number;
      readonly freeBytes: number;
      /** Of llama.cpp. */
      readonly release: string;
    }
  | { readonly problem: string };

async function ask(): Promise<DevicesAnswer> {
  try {
    const llama = await getLlama({ gpu: 'auto', build: 'never', skipDownload: true, logLevel: LlamaLogLevel.error });
    const { total, free } = llama.gpu === false ? { total: 0, free: 0 } : await llama.getVramState();
    return {
      gpu: llama.gpu,
      names: llama.gpu === false ? [] : await llama.getGpuDeviceNames(),
      memoryBytes: total,
      freeBytes: free,
      release: llama.llamaCppRelease.release,
    };
  } catch (error) {
    return { problem: plainMessage(error) };
  }
}

process.send?.(await ask(), () => process.exit(0));
