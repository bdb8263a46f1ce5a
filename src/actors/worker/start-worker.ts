/** Starts a worker: its data and its tree. Used by the real worker and by every worker of a simulated mesh. */
import { Restarts } from '../../runtime/restarts.js';
import { topicName } from '../../protocol/topics.js';
import { startTree, type Tree, type TreeOptions } from '../../runtime/start-tree.js';
import type { SupervisionEvent } from '../../runtime/supervision.js';
import { Conduct } from '../conduct/conduct.js';
import { Desk } from './desk.js';
import { Outboxes } from './outboxes.js';
import { Bans } from '../scores/bans.js';
import { scoreDeps, scoreKeySeedOf } from '../score.tree.js';
import { checksHere } from '../scores/checks.js';
import { StatusBoard } from './status-board.js';
import { Tally } from './tally.js';
import { Transcripts } from './transcripts.js';
import type { WorkerDeps, WorkerOptions, WorkerPorts } from './worker-ports.js';
import { workerTree } from '../worker.tree.js';

export interface RunningWorker {
  readonly tree: Tree;
  readonly deps: WorkerDeps;
}

export function startWorker(options: WorkerOptions, ports: WorkerPorts, treeOptions: TreeOptions = {}): RunningWorker {
  const { clock, random, log } = ports;
  const outboxes = new Outboxes(clock);
  const board = new StatusBoard({
    workerId: options.identity.publicKeyHex,
    agent: options.agent,
    clock,
    queueCapacity: options.queueCapacity,
    hasLedger: ports.ledger !== undefined,
  });
  const bans = new Bans(clock);
  const conduct = new Conduct({
    ...ports,
    ...options,
    owner: options.identity.publicKeyHex,
    provenBanLeftMs: (account) => bans.leftMs(account),
    health: () => board.health,
    store: ports.conductStore,
  });
  const { ledger, checks } = ports;
  const scores =
    ledger === undefined
      ? undefined
      : scoreDeps({
          ...options,
          ...ports,
          ledger,
          conduct,
          bans,
          policy: options.validators,
          scoreRole: 'worker',
          scoreKeySeed: scoreKeySeedOf(options.seed, options.networkPrefix),
          checks: checks ?? checksHere(topicName('inference', options.networkPrefix)),
        });
  const deps: WorkerDeps = {
    ...options,
    ...ports,
    outboxes,
    transcripts: new Transcripts(outboxes, () => clock.monotonicMs()),
    board,
    conduct,
    scores,
    desk: new Desk({ ...ports, ...options, conduct }),
    tally: new Tally(),
    restarts: new Restarts(clock),
  };
  const onEvent = (event: SupervisionEvent): void => {
    deps.restarts.note(event);
    const { type, ...fields } = event;
    if (type === 'child.failed' || type === 'escalated') log.error(type, fields);
    else log.debug(type, fields);
  };
  return { tree: startTree(workerTree(deps), { clock, random, onEvent }, treeOptions), deps };
}
