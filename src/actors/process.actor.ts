/**
 * Parent: its engine, which invokes it for as long as it wants a process. Passes orders and cancels to the process, and
 * reports back: to the engine whether it is up, to slots how their runs go, to the pace how much processor time it
 * uses. Token text goes straight to the order's callback and never passes through a machine.
 *
 * Invariants: the end of the process, however it comes, is reported once; every ordered run has exactly one end, or is
 * reported lost.
 */
import type { EngineEvent } from '../engine/messages.js';
import type { ProcessCommand } from '../machines/engine.machine.js';
import type { LoadedModel, ServedModel } from '../machines/model.js';
import type { RunOrder } from '../machines/run.js';
import type { RunRequest } from '../protocol/run.js';
import { reservedSequences } from '../rules/slots.js';
import { nextMeanGapMs, wedgedAfterMs } from '../rules/wedge.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import { tell } from '../runtime/tell.js';
import { describeExit, type EngineExit } from './engine-exit.js';
import { names } from './names.js';
import type { EngineProcess } from './ports.js';
import type { WorkerDeps } from './worker/worker-ports.js';

/** Any model can answer this; an engine that does, works. Short, since requests are waiting. */
export const proofRequest: RunRequest = { prompt: 'Hello', options: { maxTokens: 1, temperature: 0 } };

/** How often a slot is told that its run makes progress. Well under the time after which it would be wedged. */
const progressMs = 1_000;

/** A run in the process. `slot` is undefined once nobody waits for it. */
interface Run {
  readonly order: RunOrder;
  readonly sequence: number;
  slot: string | undefined;
  /** Prompt tokens that the sequence already held. */
  reused: number;
  /** Its first token has arrived. */
  started: boolean;
  /** Its last sign of progress, and the running mean of the gaps between signs. */
  signAtMs: number;
  meanGapMs: number | undefined;
  /** When its slot was last told. */
  toldAtMs: number;
}

export function createProcess(deps: WorkerDeps, place: number) {
  return guardedCallback<undefined, ProcessCommand>(({ system, self, sendBack, receive, guard }) => {
    const { clock, engines } = deps;
    const runs = new Map<number, Run>();
    /** The account each sequence served last in this process. */
    const lastAccount = new Map<number, string>();
    let served: ServedModel | undefined;
    let lastRun = 0;
    /** The run that proves this process works. */
    let proof: number | undefined;
    let isGone = false;

    const tellSlot = (slot: string | undefined, event: { type: string; [key: string]: unknown }): void => {
      if (slot !== undefined) tell(system, slot, event, self);
    };
    const runIn = (sequence: number): readonly [number, Run] | undefined =>
      [...runs].find(([, run]) => run.sequence === sequence);

    const process: EngineProcess = engines.spawn({
      message: guard((event: EngineEvent) => onEvent(event)),
      exited: guard((how: EngineExit) => {
        isGone = true;
        const reason = `the engine process ended (${describeExit(how)})`;
        sendBack({ type: 'process.exited', reason, underRequest: runs.size > 0 });
      }),
    });

    function onEvent(event: EngineEvent): void {
      switch (event.type) {
        case 'up':
          return sendBack({ type: 'process.up' });
        case 'load_progress':
          return sendBack({ type: 'process.progress', share: event.share });
        case 'loaded':
          return sendBack({ type: 'process.loaded', loaded: event.model satisfies LoadedModel });
        case 'load_failed':
          return sendBack({ type: 'process.refused', reason: event.message });
        case 'usage': {
          const { windowMs, othersCores } = event;
          return void tell(system, names.pace(place), { type: 'engine.used', sample: { windowMs, othersCores } }, self);
        }
        default:
          return onRunEvent(event);
      }
    }

    function onRunEvent(event: Extract<EngineEvent, { run: number }>): void {
      if (event.run === proof) return onProof(event);
      const run = runs.get(event.run);
      if (run === undefined) return;
      const name = run.order.run;
      onSign(run);
      switch (event.type) {
        case 'started':
          run.reused = event.reused;
          return tellSlot(run.slot, { type: 'run.started', run: name, promptTokens: event.promptTokens });
        case 'prefill':
          return onPrefill(run, event.done, event.total);
        case 'tokens':
          return onTokens(run, event.text, event.tokens);
        case 'ended': {
          const { finishReason, promptTokens, completionTokens, toolCalls, weighing } = event;
          const usage = {
            finishReason,
            promptTokens,
            completionTokens,
            ...(toolCalls === undefined ? {} : { toolCalls }),
            ...(weighing === undefined ? {} : { weighing }),
          };
          sendBack({ type: 'process.proved' });
          return endRun(event.run, run, { type: 'run.ended', run: name, usage });
        }
        case 'failed':
          return endRun(event.run, run, {
            type: 'run.failed',
            run: name,
            failure: { code: event.code, message: event.message },
          });
      }
    }

    function onProof(event: Extract<EngineEvent, { run: number }>): void {
      if (event.type === 'ended') sendBack({ type: 'process.proved' });
      if (event.type === 'failed')
        sendBack({ type: 'engine.restart', reason: `the model does not answer: ${event.message}` });
    }

    /**
     * Progress of the prompt goes to the scheduler, which informs the client; the slot only hears that the run makes
     * progress.
     */
    function onPrefill({ slot, order, reused }: Run, done: number, total: number): void {
      if (slot !== undefined)
        tell(system, names.scheduler, { type: 'run.progress', run: order.run, done, total, reused }, self);
    }

    function onTokens(run: Run, text: string, count: number): void {
      if (run.slot === undefined) return;
      if (!run.started) {
        tellSlot(run.slot, { type: 'run.firstToken', run: run.order.run });
        tellPace(run, run.signAtMs);
      }
      run.started = true;
      run.order.tokens(text, count);
    }

    /** Prompts are read in turns: one waiting for its turn is as alive as the one being read. */
    function onSign(run: Run): void {
      const now = clock.monotonicMs();
      run.meanGapMs = nextMeanGapMs(run.meanGapMs, now - run.signAtMs);
      run.signAtMs = now;
      for (const alive of run.started ? [run] : runs.values())
        if ((alive === run || !alive.started) && now - alive.toldAtMs >= progressMs)
          tellPace(alive, now, run.meanGapMs);
    }

    function tellPace(run: Run, now: number, meanGapMs = run.meanGapMs): void {
      run.toldAtMs = now;
      const patienceMs = wedgedAfterMs(meanGapMs);
      tellSlot(run.slot, { type: 'run.progress', run: run.order.run, patienceMs });
    }

    function endRun(number: number, run: Run, event: { type: string; [key: string]: unknown }): void {
      runs.delete(number);
      if (run.slot !== undefined) tellSlot(run.slot, event);
      else greet(run.sequence);
    }

    /** A restarted slot waits until the sequence is free of its earlier incarnation's run. */
    function greet(slot: number): void {
      const name = names.slot(place, slot);
      const inherited = runIn(slot);
      if (inherited === undefined) {
        if (served !== undefined) tellSlot(name, { type: 'engine.ready', model: served.sha256 });
        return;
      }
      const [number, run] = inherited;
      if (run.slot === undefined) return;
      run.slot = undefined;
      process.send({ type: 'cancel', run: number });
      tell(system, names.scheduler, { type: 'run.lost', run: run.order.run }, self);
    }

    receive((command) => {
      switch (command.type) {
        case 'process.load':
          served = command.model;
          process.send({
            type: 'load',
            modelPath: command.model.path,
            slots: deps.slots + reservedSequences,
            contextSize: command.model.contextSize,
            ...deps.engine,
          });
          break;
        case 'process.prove':
          proof = ++lastRun;
          process.send({ type: 'run', run: proof, slot: 0, reuse: false, request: proofRequest });
          break;
        case 'slot.order': {
          const { slot, order } = command;
          const now = clock.monotonicMs();
          const watch = { reused: 0, started: false, signAtMs: now, meanGapMs: undefined, toldAtMs: now };
          if (runs.size === 0) tell(system, names.pace(place), { type: 'engine.working' }, self);
          runs.set(++lastRun, { order, sequence: slot, slot: names.slot(place, slot), ...watch });
          const reuse = deps.sharesPrefix || lastAccount.get(slot) === order.account;
          lastAccount.set(slot, order.account);
          process.send({ type: 'run', run: lastRun, slot, reuse, request: order.request });
          break;
        }
        case 'slot.cancel': {
          const inIt = runIn(command.slot);
          if (inIt !== undefined) process.send({ type: 'cancel', run: inIt[0] });
          break;
        }
        case 'slot.hello':
          greet(command.slot);
          break;
        case 'pace.changed':
          process.send({ type: 'threads', threads: command.threads });
          break;
        case 'process.stop':
          process.send({ type: 'stop' });
          break;
      }
    });

    return () => {
      if (!isGone) process.kill();
      // If this machine crashed, its slots go down with it and cannot report this.
      for (const { order, slot } of runs.values())
        if (slot !== undefined) tell(system, names.scheduler, { type: 'run.lost', run: order.run }, self);
      runs.clear();
    };
  });
}
