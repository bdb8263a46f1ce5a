/** QMesh's engine process alone: no network, no worker. */
import { forkEngine } from '../../dist/actors/engine-process.js';
import { measureLoad } from '../workload.js';

/** @typedef {import('../../dist/engine/messages.js').EngineEvent} EngineEvent */

/** @typedef {{ hear: (event: EngineEvent) => void, fail: (error: Error) => void }} Listener */

/** Events of loading carry no run; runs count from 1. */
const loading = 0;

/**
 * @param {import('../context.js').Context} context
 * @returns {import('../workload.js').Asked}
 */
export function engine({ modelPath, load, threads }) {
  const { slots, contextSize } = load;
  /** @type {Map<number, Listener>} */
  const listeners = new Map();
  const freeSlots = Array.from({ length: slots }, (_, slot) => slot);
  let lastRun = loading;
  /** @type {import('../../dist/actors/ports.js').EngineProcess | undefined} */
  let child;
  /** @type {Promise<void>} */
  let exited = Promise.resolve();

  /** @param {() => void} onExit */
  const spawn = (onExit) =>
    forkEngine().spawn({
      message: (event) => listeners.get('run' in event ? event.run : loading)?.hear(event),
      exited: ({ code, stderrTail }) => {
        for (const { fail } of listeners.values())
          fail(new Error(`the engine process ended with ${code}: ${stderrTail}`));
        onExit();
      },
    });

  /** @type {import('../workload.js').Ask} */
  const ask = ({ prompt, maxTokens, seed }, { onTokens, signal } = {}) => {
    const [run, slot] = [++lastRun, freeSlots.pop()];
    if (slot === undefined) throw new Error('more requests at once than slots');
    const started = performance.now();
    let promptTokens = 0;
    let firstTokenMs = NaN;
    return new Promise((resolve, fail) => {
      /** @param {EngineEvent} event */
      const hear = (event) => {
        if (event.type === 'started') promptTokens = event.promptTokens;
        if (event.type === 'tokens' && Number.isNaN(firstTokenMs)) firstTokenMs = performance.now() - started;
        if (event.type === 'tokens') onTokens?.(event.tokens);
        if (event.type !== 'ended' && event.type !== 'failed') return;
        listeners.delete(run);
        freeSlots.push(slot);
        if (event.type === 'failed') return fail(new Error(event.message));
        const { completionTokens } = event;
        resolve({ promptTokens, completionTokens, firstTokenMs, totalMs: performance.now() - started });
      };
      listeners.set(run, { hear, fail });
      const request = { prompt, options: { maxTokens, seed, temperature: 0 } };
      child?.send({ type: 'run', run, slot, reuse: false, request });
      signal?.addEventListener('abort', () => child?.send({ type: 'cancel', run }));
    });
  };

  return {
    name: 'qmesh engine',
    ask,
    start: () =>
      new Promise((resolve, fail) => {
        /** @param {EngineEvent} event */
        const hear = (event) => {
          if (event.type === 'up') child?.send({ type: 'load', modelPath, contextSize, slots, threads, gpuLayers: 0 });
          if (event.type === 'load_failed') fail(new Error(event.message));
          if (event.type !== 'loaded') return;
          listeners.delete(loading);
          resolve();
        };
        listeners.set(loading, { hear, fail });
        exited = new Promise((done) => {
          child = spawn(done);
        });
      }),
    measure: (round) => measureLoad(ask, load, round),
    async stop() {
      child?.send({ type: 'stop' });
      await exited;
    },
  };
}
