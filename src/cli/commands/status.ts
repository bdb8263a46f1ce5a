/** `qmesh status`: how the worker of this home is doing. Exit code 1 where none runs. */
import { Command } from 'commander';
import { print, tellWorker, withOwnerOptions, type OwnerOptions } from '../owner/worker-here.js';

export const statusCommand = (): Command =>
  withOwnerOptions(new Command('status').description('Show how the worker on this machine is doing.')).action(
    async (options: OwnerOptions) => print(await tellWorker(options, { do: 'status' }), options),
  );
