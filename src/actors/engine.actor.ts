/**
 * Parent: the engine's group, before its slots; permanent. Receives the model from its model actor, residency's
 * decision to load or unload it, and slots' orders and cancels, which it passes to its process (process.actor.ts).
 * Tells slots, scheduler, residency and the board whether there is an engine.
 */
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { engineMachine } from '../machines/engine.machine.js';
import type { ServedModel } from '../machines/model.js';
import { runCapabilities } from '../protocol/run.js';
import { reservedSequences } from '../rules/slots.js';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { tell } from '../runtime/tell.js';
import { names } from './names.js';
import { createProcess } from './process.actor.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export function createEngine(deps: WorkerDeps, place: number): AnyActorLogic {
  const { board, log } = deps;
  const tellSlots = (system: AnyActorSystem, self: AnyActorRef, event: { type: string; model?: string }): void => {
    for (let slot = 0; slot < deps.slots + reservedSequences; slot++)
      tell(system, names.slot(place, slot), event, self);
  };
  /** Until this happens the model stays on offer, even while its engine restarts: requests wait for it. */
  const giveUp = (system: AnyActorSystem, self: AnyActorRef, model: ServedModel | undefined): void => {
    board.setModel(place, undefined);
    tell(system, names.residency, { type: 'engine.gone', place }, self);
    if (model !== undefined) tell(system, names.scheduler, { type: 'model.gone', model: model.sha256 }, self);
  };
  return engineMachine.provide({
    actors: { process: createProcess(deps, place) },
    actions: {
      askForModel: ({ system, self }) => tell(system, names.model(place), { type: 'model.wanted' }, self),
      tellResidence: ({ context: { model }, system, self }, { residence }) => {
        if (model === undefined) return;
        const { sha256, memoryBytes } = model;
        const told = { type: 'engine.residence', place, model: sha256, memoryBytes, residence };
        tell(system, names.residency, told, self);
      },
      announceParked: ({ context: { model } }) => {
        if (model === undefined) return;
        const { name, sha256, bytes, contextSize } = model;
        board.offerModel(place, { name, sha256, bytes, contextSize, capabilities: [...runCapabilities] });
      },
      announceDeath: ({ context: { model }, system, self }) => {
        if (model !== undefined) tell(system, names.scheduler, { type: 'engine.died', model: model.sha256 }, self);
      },
      announceLost: ({ system, self }) => {
        tellSlots(system, self, { type: 'engine.leaving' });
        tellSlots(system, self, { type: 'engine.lost' });
      },
      announceCrash: ({ context: { model, deaths, reason } }) => {
        deps.tally.loseEngine();
        log.warn('engine.lost', { engine: place, model: model?.name, deaths, reason });
      },
      announceReady: ({ context, system, self }) => {
        const { model, loaded } = context;
        if (model === undefined || loaded === undefined) return;
        const { contextSize, capabilities, ...chosen } = loaded;
        const { name, sha256, bytes } = model;
        log.info('engine.ready', { engine: place, model: name, contextSize, ...chosen });
        board.setModel(place, { name, sha256, bytes, contextSize, capabilities: [...capabilities] });
        tellSlots(system, self, { type: 'engine.ready', model: sha256 });
        tell(system, names.pace(place), { type: 'engine.ready' }, self);
      },
      announceRefused: ({ context, system, self }) => {
        const { model, reason } = context;
        log.error('engine.refused', { engine: place, model: model?.name, reason });
        giveUp(system, self, model);
        deps.onModelRefused(place, reason ?? '');
      },
      announceQuarantined: ({ context, system, self }) => {
        const { model, reason } = context;
        const next =
          'It killed its engine three times in a row, with no request in it, and is not started again: replace the file, then restart.';
        log.error('engine.quarantined', { engine: place, model: model?.name, reason, next });
        giveUp(system, self, model);
        deps.onModelRefused(place, reason ?? '');
      },
    },
  });
}
