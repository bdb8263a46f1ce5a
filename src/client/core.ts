/** A running client without promises: the basis of the SDK and of the simulated mesh. */
import type { AskCallbacks, AskRequest } from '../actors/ask.actor.js';
import { acceptLinks, Asks, clientTree, type ClientDeps } from '../actors/client.tree.js';
import type { Connection } from '../actors/ports.js';
import { SpotChecks } from '../actors/ask/spot-checks.js';
import { WorkerDirectory } from '../actors/ask/worker-directory.js';
import { keyPairFromSeed } from '../protocol/keys.js';
import { startTree, type Tree, type TreeOptions } from '../runtime/start-tree.js';
import type { SupervisionEvent } from '../runtime/supervision.js';

export interface ClientOptions extends Omit<ClientDeps, 'directory' | 'account'> {
  /** Share of the answers that a second worker checks, from 0 to 1. */
  readonly spotChecks: number;
}

export interface ClientCore {
  readonly tree: Tree;
  readonly directory: WorkerDirectory;
  readonly spotChecks: SpotChecks;
  /** Accepts a connection to a worker that was not found through the topic. */
  link(connection: Connection): void;
  /** @returns cancel; undefined if too many requests are unfinished or the client is closing. */
  ask(request: AskRequest, on: AskCallbacks): (() => void) | undefined;
}

export function startClientCore(options: ClientOptions, treeOptions: TreeOptions = {}): ClientCore {
  const { clock, random, log } = options;
  const directory = new WorkerDirectory(clock);
  const account = options.hello?.node ?? keyPairFromSeed(options.keySeed).publicKeyHex;
  const deps: ClientDeps = { ...options, directory, account };
  const accept = acceptLinks(deps);
  const onEvent = (event: SupervisionEvent): void => {
    const { type, ...fields } = event;
    if (type === 'child.failed' || type === 'escalated') log.error(type, fields);
  };
  const tree = startTree(clientTree(deps, accept), { clock, random, onEvent }, treeOptions);
  const asks = new Asks(deps);
  const spotChecks = new SpotChecks({
    ...deps,
    share: options.spotChecks,
    ask: (request, on) => asks.start(tree.system, request, on),
  });
  return {
    tree,
    directory,
    spotChecks,
    link: (connection) => accept(connection, tree.system),
    ask: (request, on) =>
      asks.start(tree.system, request, {
        ...on,
        end: (answer, failure) => {
          on.end(answer, failure);
          if (failure === undefined) spotChecks.consider(request, answer);
        },
      }),
  };
}
