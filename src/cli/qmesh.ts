#!/usr/bin/env node
/** The command line: one file a command, in commands/. */
import { Command } from 'commander';
import { version } from '../version.js';
import { askCommand } from './commands/ask.js';
import { dhtCommand } from './commands/dht.js';
import { modelsCommand } from './commands/models.js';
import { workerCommand } from './commands/worker.js';
import { pauseCommand } from './commands/pause.js';
import { resumeCommand } from './commands/resume.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { runProgram } from './run-program.js';

await runProgram(
  new Command('qmesh')
    .description('A peer-to-peer mesh that runs language models on people’s own machines.')
    .version(version)
    .addCommand(workerCommand())
    .addCommand(statusCommand())
    .addCommand(pauseCommand())
    .addCommand(resumeCommand())
    .addCommand(stopCommand())
    .addCommand(askCommand())
    .addCommand(modelsCommand())
    .addCommand(dhtCommand()),
);
