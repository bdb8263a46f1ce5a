/**
 * Parent: services; permanent. Receives the owner's commands (`qmesh status`, `pause`, `resume`, `stop`), and tells the
 * duty actor or whoever runs this worker. Started early and stopped late, so that a draining worker can still be asked.
 */
import type { AnyActorLogic } from 'xstate';
import type { AnyActorSystem } from '../runtime/actor-system.js';
import { tell } from '../runtime/tell.js';
import type { ControlAnswer, ControlRequest, Reply, WorkerReport } from './control/messages.js';
import { answerScore, isAboutScore, type ScoreRequest } from './control/score.js';
import { createListener } from './listener.actor.js';
import { names } from './names.js';
import type { WorkerDeps } from './worker/worker-ports.js';

export const createControl = (deps: WorkerDeps): AnyActorLogic =>
  createListener({
    open: (system, on) => deps.control.listen((request, reply) => answer(deps, request, system, reply), on),
    reportFailure: (error) =>
      deps.log.warn('control.failed', {
        error,
        note: 'qmesh status, pause, resume and stop do not reach this worker; it works on.',
      }),
  });

type OwnerRequest = Exclude<ControlRequest, ScoreRequest>;

function answer(deps: WorkerDeps, request: ControlRequest, system: AnyActorSystem, reply: Reply): void {
  if (isAboutScore(request)) answerScore(deps, request, reply);
  else reply(answerOwner(deps, request, system));
}

function answerOwner(deps: WorkerDeps, request: OwnerRequest, system: AnyActorSystem): ControlAnswer {
  if (carryOut(deps, request, system)) return { report: report(deps, request.do === 'stop') };
  return { error: { code: 'unavailable', message: 'The worker is just restarting a part of itself; try again.' } };
}

/** False if nobody is there to do it. */
function carryOut({ onStopAsked }: WorkerDeps, request: OwnerRequest, system: AnyActorSystem): boolean {
  switch (request.do) {
    case 'status':
      return true;
    case 'pause':
      return tell(system, names.duty, { type: 'duty.pause', forMs: request.forMs });
    case 'resume':
      return tell(system, names.duty, { type: 'duty.resume' });
    case 'stop':
      onStopAsked(request.now === true ? 'now' : 'drained');
      return true;
  }
}

/** @param stopAsked a stop was just requested: draining begins once this is answered */
function report({ board, outboxes, schedule, ledger }: WorkerDeps, stopAsked: boolean): WorkerReport {
  const { workerId, models, health, queue, slots, performance, uptimeMs, agent } = board.message();
  const { state, untilMs } = board.duty;
  const isStopping = stopAsked || board.draining;
  return {
    state: isStopping ? 'draining' : state,
    untilMs: isStopping ? null : (untilMs ?? null),
    schedule: schedule?.text ?? null,
    pid: process.pid,
    workerId,
    models,
    loaded: board.residents.filter(({ residence }) => residence === 'loaded').map(({ model }) => model),
    fetching: board.fetches,
    health,
    queue,
    waiting: board.waiting(),
    slots,
    performance,
    balance: ledger?.balanceOf(workerId) ?? null,
    peers: outboxes.size,
    admin: board.admin ?? null,
    uptimeMs,
    agent,
  };
}
