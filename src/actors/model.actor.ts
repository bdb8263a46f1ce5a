/**
 * Parent: models; permanent. Finds or fetches, hashes and tries one model, then hands it to its engine and shares it
 * with the mesh. The disk is behind `ModelFiles`, the disposable engine behind the EnginePort, the models network
 * behind the ModelsPort.
 */
import type { AnyActorLogic } from 'xstate';
import type { EngineEvent } from '../engine/messages.js';
import { modelMachine } from '../machines/model.machine.js';
import { fetchMachine } from '../machines/fetch.machine.js';
import type { ServedModel } from '../machines/model.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import { tell } from '../runtime/tell.js';
import { describeExit, wasKilled, type EngineExit } from './engine-exit.js';
import { fetchWatch } from './models/fetch-watch.js';
import { names } from './names.js';
import { proofRequest } from './process.actor.js';
import type { Turns } from './worker/turns.js';
import type { WorkerDeps } from './worker/worker-ports.js';

interface Step {
  readonly wanted: string;
  readonly path: string;
}

/** @param trials shared by all models, since each trial costs an engine process */
export function createModel(deps: WorkerDeps, place: number, trials: Turns): AnyActorLogic {
  const { modelFiles, modelsPort, log } = deps;
  const locate = guardedCallback<Step>(({ input, sendBack, guard, defer }) => {
    defer(
      modelFiles.locate(input.wanted, {
        found: guard((path: string) => sendBack({ type: 'file.found', path })),
        missing: guard((reason: string) => sendBack({ type: 'file.missing', reason })),
        refused: guard((reason: string) => sendBack({ type: 'file.refused', reason })),
      }),
    );
  });
  const verify = guardedCallback<Step>(({ input, sendBack, guard, defer }) => {
    defer(
      modelFiles.verify(input.wanted, input.path, {
        verified: guard((model, mustProbe) => sendBack({ type: 'file.verified', model, mustProbe })),
        refused: guard((reason: string) => sendBack({ type: 'file.refused', reason })),
      }),
    );
  });
  const turn = guardedCallback(({ sendBack, guard, defer }) => {
    // Ranked in the order the user named them: the default model first.
    defer(
      trials.take(
        place,
        guard(() => sendBack({ type: 'turn.given' })),
      ),
    );
  });
  const share = guardedCallback<{ readonly model: ServedModel | undefined }>(({ input, sendBack, guard, defer }) => {
    if (input.model === undefined || modelsPort === undefined) return;
    const failed = guard(({ message }: Error) => sendBack({ type: 'share.failed', reason: message }));
    defer(modelsPort.share(input.model, failed));
  });
  return modelMachine.provide({
    actors: {
      locate,
      fetch: modelsPort?.createFetch(fetchWatch(deps, place)) ?? fetchMachine,
      verify,
      probe: createProbe(deps),
      turn,
      share,
    },
    guards: { canFetch: () => modelsPort !== undefined },
    actions: {
      announceMissing: ({ context }) =>
        log.info('model.missing', {
          model: context.wanted,
          note: `${context.reason ?? ''} Looking for it in the mesh.`,
        }),
      announceReady: ({ context, system, self }) =>
        tell(system, names.engine(place), { type: 'model.ready', model: context.model }, self),
      announceRefused: ({ context }) => {
        const reason = context.reason ?? 'for a reason unknown';
        deps.board.setFetch(place, undefined);
        log.error('model.refused', { model: context.wanted, reason });
        deps.onModelRefused(place, reason);
      },
      rememberProbe: ({ context }) => {
        if (context.model !== undefined) modelFiles.rememberProbe(context.model.sha256);
      },
      announceUnshared: ({ context, event }) =>
        log.warn('model.unshared', {
          model: context.model?.name,
          reason: event.type === 'share.failed' ? event.reason : undefined,
          note: 'It is served, and not offered to the mesh; that is tried again.',
        }),
      announceKilled: ({ context }) =>
        log.warn('model.trial_killed', {
          model: context.wanted,
          note: 'Its trial was killed from outside, most likely because memory ran out. It is tried again.',
        }),
      rememberFetch: ({ context }) => {
        deps.board.setFetch(place, undefined);
        if (context.fetched !== undefined) modelFiles.noteFetched(context.fetched);
      },
      discardFetched: ({ context: { fetched } }) => {
        if (fetched === undefined) return;
        modelFiles.discard(fetched.path);
        modelsPort?.refuse(fetched.content.sha256);
      },
    },
  });
}

/** Loads the model in a disposable engine and generates one token. Whatever happens, happens there. */
function createProbe({ engines }: WorkerDeps) {
  return guardedCallback<Step>(({ input, sendBack, guard, defer }) => {
    let verdict: { type: 'file.probed' } | { type: 'file.refused'; reason: string } | undefined;
    const decide = (value: NonNullable<typeof verdict>): void => {
      if (verdict !== undefined) return;
      verdict = value;
      process.kill(); // disposable; the verdict is sent when it is gone and its memory is free
    };
    const refuse = (reason: string): void => decide({ type: 'file.refused', reason });
    const process = engines.spawn({
      message: guard((event: EngineEvent) => {
        if (event.type === 'up') process.send({ type: 'load', modelPath: input.path, ...probeLoad });
        else if (event.type === 'load_failed') refuse(event.message);
        else if (event.type === 'loaded')
          process.send({ type: 'run', run: 1, slot: 0, reuse: false, request: proofRequest });
        else if (event.type === 'failed') refuse(event.message);
        else if (event.type === 'ended') decide({ type: 'file.probed' });
      }),
      exited: guard((how: EngineExit) => {
        const reason = `it killed the engine that tried it (${describeExit(how)})`;
        sendBack(verdict ?? (wasKilled(how) ? { type: 'probe.killed' } : { type: 'file.refused', reason }));
      }),
    });
    defer(() => process.kill());
  });
}

/** Small and on the CPU. Every tensor is checked, since a damaged one would load and produce garbage. */
const probeLoad = { slots: 1, contextSize: 64, gpuLayers: 0, checkTensors: true } as const;
