/** The whole command line as one tree: what `qmesh` runs, and what help, completion and the tests of the pages read. */
import { Command } from 'commander';
import { version } from '../version.js';
import { askCommand } from './commands/ask.js';
import { chatCommand } from './commands/chat.js';
import { completionCommand } from './commands/completion.js';
import { configCommand } from './commands/config.js';
import { dhtCommand } from './commands/dht.js';
import { doctorCommand } from './commands/doctor.js';
import { modelsCommand } from './commands/models.js';
import { pauseCommand } from './commands/pause.js';
import { resumeCommand } from './commands/resume.js';
import { scoreCommand } from './commands/score.js';
import { serveCommand } from './commands/serve.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { topCommand } from './commands/top.js';
import { workerCommand } from './commands/worker.js';
import { withManual } from './manual.js';

export const qmeshProgram = (): Command =>
  withManual(
    new Command('qmesh')
      .description('A peer-to-peer mesh that runs language models on people’s own machines.')
      .version(version)
      .enablePositionalOptions() // a flag after `score log` is that command's, though `score` has it, too
      .addCommand(workerCommand())
      .addCommand(statusCommand())
      .addCommand(pauseCommand())
      .addCommand(resumeCommand())
      .addCommand(stopCommand())
      .addCommand(askCommand())
      .addCommand(chatCommand())
      .addCommand(serveCommand())
      .addCommand(topCommand())
      .addCommand(scoreCommand())
      .addCommand(modelsCommand())
      .addCommand(doctorCommand())
      .addCommand(dhtCommand())
      .addCommand(configCommand())
      .addCommand(completionCommand()),
    {
      examples: [
        ['qmesh worker', 'lend this machine; without a model of yours it serves a demo that counts'],
        ['qmesh ask "count from 5"', 'ask whoever serves'],
        ['qmesh ask --help', 'the same page for each command'],
      ],
    },
  );
