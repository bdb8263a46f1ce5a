#!/usr/bin/env node
/** The command line: one file a command, in commands/. */
import { Command, CommanderError } from 'commander';
import { version } from '../version.js';
import { askCommand } from './commands/ask.js';
import { dhtCommand } from './commands/dht.js';
import { workerCommand } from './commands/worker.js';
import { exitCode, report } from './failure.js';

const program = new Command('qmesh')
  .description('A peer-to-peer mesh that runs language models on people’s own machines.')
  .version(version)
  .addCommand(workerCommand())
  .addCommand(askCommand())
  .addCommand(dhtCommand())
  .showSuggestionAfterError()
  .configureHelp({ sortSubcommands: false })
  .exitOverride();
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? exitCode.done);
} catch (error) {
  // commander has said what is wrong, or shown what was asked for
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? exitCode.done : exitCode.usage);
  process.exit(report(error, process.argv.includes('--json')));
}
