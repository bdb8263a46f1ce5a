/** A real engine process in a test: fork, load, ask, and see every message it sent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { dist } from './dist.js';
import { forkEngine } from '../../src/actors/engine-process.js';
import type { EngineCommand, EngineEvent, LoadedModel, LoadOptions, RunRequest } from '../../src/engine/messages.js';
import { writeModel, type ModelKind } from '../../src/gguf/models.js';

export type RunEvent = Extract<EngineEvent, { readonly run: number }>;
export type Ended = Extract<EngineEvent, { readonly type: 'ended' | 'failed' }>;
export type Exit = { readonly code: number | null; readonly signal: string | null; readonly stderrTail: string };

export interface Answer {
  /** The joined text of all `tokens` events. */
  readonly text: string;
  readonly tokens: number;
  readonly end: Ended;
  readonly events: readonly RunEvent[];
}

export interface StartedRun {
  readonly id: number;
  readonly answer: Promise<Answer>;
  cancel(): void;
}

/** The built engine; `npm test` builds it first. */
export const engineEntry = pathToFileURL(join(dist, 'engine/main.js'));

/** One compute thread: on a busy machine two would spin and wait for each other. */
const threads = 1;

/** A folder for models, each kind written once, all removed with the folder. */
export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'qmesh-models-'));
  readonly #written = new Map<ModelKind, Promise<string>>();

  model(kind: ModelKind): Promise<string> {
    const path = join(this.path, `${kind}.gguf`);
    const written = this.#written.get(kind) ?? writeModel(kind, path).then(() => path);
    this.#written.set(kind, written);
    return written;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export class TestEngine {
  readonly events: EngineEvent[] = [];
  readonly exits: Exit[] = [];
  readonly exited: Promise<Exit>;
  #nextRun = 1;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #process;

  constructor(entry = engineEntry) {
    let exit = (_how: Exit): void => {};
    this.exited = new Promise((resolve) => (exit = resolve));
    const port = forkEngine({ entry });
    this.#process = port.spawn({
      message: (event) => {
        this.events.push(event);
        for (const listener of [...this.#listeners]) listener(event);
      },
      exited: (how) => {
        this.exits.push(how);
        exit(how);
      },
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(command: EngineCommand): void {
    this.#process.send(command);
  }

  kill(): void {
    this.#process.kill();
  }

  /** The first event that matches, past or future. */
  when<E extends EngineEvent>(matches: (event: EngineEvent) => event is E): Promise<E> {
    const there = this.events.find(matches);
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => {
      const listener = (event: EngineEvent): void => {
        if (!matches(event)) return;
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
    });
  }

  async load(modelPath: string, options: Partial<LoadOptions> = {}): Promise<LoadedModel> {
    await this.when((event) => event.type === 'up');
    this.send({ type: 'load', modelPath, slots: 4, gpuLayers: 0, threads, contextSize: 1024, ...options });
    const event = await this.when((event) => event.type === 'loaded' || event.type === 'load_failed');
    if (event.type === 'load_failed') throw new Error(event.message);
    return event.model;
  }

  start(request: RunRequest, { slot = 0, reuse = false } = {}, onEvent?: (event: RunEvent) => void): StartedRun {
    const id = this.#nextRun++;
    const events: RunEvent[] = [];
    const answer = new Promise<Answer>((resolve, reject) => {
      void this.exited.then((how) => reject(new Error(`the engine exited: ${JSON.stringify(how)}`)));
      const listener = (event: EngineEvent): void => {
        if (!('run' in event) || event.run !== id) return;
        events.push(event);
        onEvent?.(event);
        if (event.type !== 'ended' && event.type !== 'failed') return;
        this.#listeners.delete(listener);
        const texts = events.filter((one) => one.type === 'tokens');
        const tokens = texts.reduce((sum, one) => sum + one.tokens, 0);
        resolve({ text: texts.map((one) => one.text).join(''), tokens, end: event, events });
      };
      this.#listeners.add(listener);
    });
    answer.catch(() => {}); // a test that kills the engine on purpose need not look at it
    this.send({ type: 'run', run: id, slot, reuse, request });
    return { id, answer, cancel: () => this.send({ type: 'cancel', run: id }) };
  }

  ask(request: RunRequest, where: { slot?: number; reuse?: boolean } = {}): Promise<Answer> {
    return this.start(request, where).answer;
  }

  async stop(): Promise<Exit> {
    this.send({ type: 'stop' });
    return this.exited;
  }
}
