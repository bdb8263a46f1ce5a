/**
 * The commands of messages.ts, carried out on one loaded model. Runs inside the inference thread; every failure of a run
 * becomes that run's `failed`, and nothing a run does ends the others.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import { firstUnknownRole } from './chat-format.js';
import { plainMessage, RunFailure } from './failure.js';
import { jsonGrammar } from './json-grammar.js';
import type { EngineCommand, EngineEvent, FinishReason, LoadOptions, RunRequest } from './messages.js';
import { loadEngine, type Engine } from './model.js';
import { advanceGrammar, newGrammarState, newSampler, type NativeGrammarState } from './native.js';
import { Run } from './run.js';
import { Scheduler } from './scheduler.js';
import { TokenOutlet } from './token-outlet.js';
import { ToolCallSieve, toolGrammar, withToolMessage } from './tools.js';

type RunCommand = Extract<EngineCommand, { type: 'run' }>;

export class Inference {
  readonly #emit: (event: EngineEvent) => void;
  readonly #clock: Clock;
  readonly #random: Random;
  #engine: Engine | undefined;
  #loading: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();
  #scheduler: Scheduler | undefined;
  #threads = 0;
  /** Runs whose grammar is being made, so that a cancel finds them. At most one per slot. */
  readonly #preparing = new Set<number>();

  constructor(emit: (event: EngineEvent) => void, clock: Clock, random: Random) {
    this.#emit = emit;
    this.#clock = clock;
    this.#random = random;
  }

  /** Every command but `stop`, which is `stop()`. */
  command(command: Exclude<EngineCommand, { type: 'stop' }>): void {
    switch (command.type) {
      case 'load':
        this.#loading = this.#load(command);
        break;
      case 'run':
        void this.#run(command);
        break;
      case 'cancel':
        if (!this.#preparing.delete(command.run)) this.#scheduler?.cancel(command.run);
        break;
      case 'threads':
        this.#threads = command.threads;
        this.#scheduler?.setThreads(command.threads);
        break;
      case 'ping':
        this.#emit({ type: 'pong', nonce: command.nonce, threads: this.#threads });
        break;
    }
  }

  /** Cancels all, waits until nothing is being computed, frees the model. */
  async stop(): Promise<void> {
    this.#preparing.clear();
    this.#stopping.abort();
    await this.#loading;
    await this.#scheduler?.stop();
    await this.#engine?.dispose();
  }

  async #load(options: LoadOptions): Promise<void> {
    try {
      if (this.#engine !== undefined) throw new Error('this engine holds a model already');
      const progress = (share: number): void => this.#emit({ type: 'load_progress', share });
      const engine = await loadEngine(options, this.#clock, progress, this.#stopping.signal);
      this.#engine = engine;
      this.#threads = engine.info.threads;
      this.#scheduler = new Scheduler(engine.context, options.slots, this.#clock, {
        started: (run, reused) => this.#emit({ type: 'started', run: run.id, promptTokens: run.promptTokens, reused }),
        prefill: (run, done) => this.#emit({ type: 'prefill', run: run.id, done, total: run.prefillTokens }),
        ended: (run, reason) => this.#endedRun(run, reason),
        failed: (run, error) => this.#failed(run.id, error),
      });
      this.#emit({ type: 'loaded', model: engine.info });
    } catch (error) {
      this.#emit({ type: 'load_failed', message: plainMessage(error) });
    }
  }

  async #run(command: RunCommand): Promise<void> {
    const id = command.run;
    this.#preparing.add(id);
    try {
      const [engine, scheduler] = [this.#engine, this.#scheduler];
      if (engine === undefined || scheduler === undefined) throw new RunFailure('slot_failed', 'no model is loaded');
      const grammar = await grammarOf(command.request, engine.llama);
      if (!this.#preparing.has(id)) {
        this.#ended(id, 'cancelled', 0, 0);
        return;
      }
      if (!(command.slot >= 0 && command.slot < engine.info.slots))
        throw new RunFailure('slot_failed', `there is no slot ${command.slot}`);
      if (scheduler.busy(command.slot)) throw new RunFailure('slot_failed', `slot ${command.slot} has another run`);
      scheduler.start(this.#prepare(engine, command, grammar));
    } catch (error) {
      this.#failed(id, error);
    } finally {
      this.#preparing.delete(id);
    }
  }

  #prepare(engine: Engine, { run: id, slot, reuse, request }: RunCommand, grammar: LlamaGrammar | undefined): Run {
    const { tokenizer, info, llama, model } = engine;
    const options = request.options ?? {};
    const promptTokens = tokensOf(request, engine);
    if (promptTokens.length >= info.contextSize) {
      const message = `the prompt has ${promptTokens.length} tokens and the context holds ${info.contextSize}, one of them for the answer`;
      throw new RunFailure('prompt_too_long', message);
    }
    const resumedText = request.resumeText ?? '';
    const resumedTokens = resumedText === '' ? [] : tokenizer.continuation(resumedText);
    const state = grammar === undefined ? undefined : grammarAfter(engine, grammar, resumedTokens);
    const formatStop = request.messages === undefined ? undefined : tokenizer.chatFormat.stop;
    const outlet = new TokenOutlet(this.#clock, (text, tokens) =>
      this.#emit({ type: 'tokens', run: id, text, tokens }),
    );
    const stops = [...(options.stop ?? []), ...(formatStop === undefined ? [] : [formatStop])];
    const sieve = toolsOf(request) === undefined ? undefined : new ToolCallSieve(resumedText);
    const seed = options.seed ?? Math.floor(this.#random.next() * 2 ** 32);
    const setup = {
      id,
      slot,
      reuse,
      promptTokens,
      resumedTokens,
      resumedText,
      options,
      seed,
      stops,
      grammar: state,
      sieve,
    };
    const sampler = newSampler(llama, model);
    return new Run({ ...setup, sampler, contextSize: info.contextSize }, tokenizer, outlet);
  }

  #endedRun(run: Run, reason: FinishReason): void {
    const { id, promptTokens, completionTokens, toolCall } = run;
    if (toolCall === undefined || reason === 'cancelled') this.#ended(id, reason, promptTokens, completionTokens);
    else
      this.#emit({
        type: 'ended',
        run: id,
        finishReason: 'tool_calls',
        promptTokens,
        completionTokens,
        toolCalls: [toolCall],
      });
  }

  #ended(run: number, finishReason: FinishReason, promptTokens: number, completionTokens: number): void {
    this.#emit({ type: 'ended', run, finishReason, promptTokens, completionTokens });
  }

  #failed(run: number, error: unknown): void {
    const code = error instanceof RunFailure ? error.code : 'slot_failed';
    this.#emit({ type: 'failed', run, code, message: plainMessage(error) });
  }
}

/** None is the same as an empty list. */
const toolsOf = ({ tools }: RunRequest): RunRequest['tools'] => (tools?.length === 0 ? undefined : tools);

/** What the answer is held to: the schema that was asked for, or that a call of a tool is well-formed. */
async function grammarOf(request: RunRequest, llama: Llama): Promise<LlamaGrammar | undefined> {
  const tools = toolsOf(request);
  const schema = request.options?.jsonSchema;
  if (tools === undefined) return schema === undefined ? undefined : jsonGrammar(llama, schema);
  if (schema !== undefined) throw new RunFailure('bad_request', 'tools: cannot be combined with options.jsonSchema');
  if (request.prompt !== undefined) throw new RunFailure('bad_request', 'tools: need messages, not a prompt');
  return toolGrammar(llama, tools);
}

function tokensOf(request: RunRequest, { tokenizer }: Engine): number[] {
  const { prompt, messages = [] } = request;
  const tools = toolsOf(request);
  if (prompt !== undefined) return tokenizer.prompt(prompt);
  const unknown = firstUnknownRole(messages);
  if (unknown >= 0)
    throw new RunFailure('bad_request', `messages[${unknown}].role: must be system, user, assistant or tool`);
  return tokenizer.conversation(tools === undefined ? messages : withToolMessage(tools, messages));
}

/** The grammar as it stands after what an earlier run produced. */
function grammarAfter({ llama, model }: Engine, grammar: LlamaGrammar, tokens: readonly number[]): NativeGrammarState {
  const state = newGrammarState(llama, model, grammar);
  for (const token of tokens)
    if (!advanceGrammar(llama, state, token as never))
      throw new RunFailure('bad_request', 'resume.text: does not fit what the answer is held to');
  return state;
}
