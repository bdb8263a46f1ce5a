/** `qmesh models`: models on this machine, in the mesh, and popular ones. One file per subcommand. */
import { Command } from 'commander';
import { withManual } from '../manual.js';
import { addCommand } from './models-add.js';
import { listCommand } from './models-list.js';
import { pullCommand } from './models-pull.js';
import { recommendCommand } from './models-recommend.js';
import { rmCommand } from './models-rm.js';
import { shareCommand } from './models-share.js';
import { verifyCommand } from './models-verify.js';

export const modelsCommand = (): Command =>
  withManual(
    new Command('models')
      .description('List, recommend, fetch, add, check and share models.')
      .addCommand(listCommand())
      .addCommand(recommendCommand())
      .addCommand(pullCommand())
      .addCommand(shareCommand())
      .addCommand(addCommand())
      .addCommand(rmCommand())
      .addCommand(verifyCommand()),
    {
      examples: [
        ['qmesh models recommend', 'what fits this machine'],
        ['qmesh models pull qwen2.5-1.5b-instruct-q4_k_m', 'fetch it'],
        ['qmesh models list', 'see what is here'],
      ],
      see: ['docs/models.md'],
    },
  );
