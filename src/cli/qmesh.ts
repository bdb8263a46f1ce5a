#!/usr/bin/env node
/** The command line: one file a command, in commands/. */
import { Command } from 'commander';
import { version } from '../version.js';
import { askCommand } from './commands/ask.js';
import { dhtCommand } from './commands/dht.js';
import { modelsCommand } from './commands/models.js';
import { workerCommand } from './commands/worker.js';
import { runProgram } from './run-program.js';

await runProgram(
  new Command('qmesh')
    .description('A peer-to-peer mesh that runs language models on people’s own machines.')
    .version(version)
    .addCommand(workerCommand())
    .addCommand(askCommand())
    .addCommand(modelsCommand())
    .addCommand(dhtCommand()),
);
