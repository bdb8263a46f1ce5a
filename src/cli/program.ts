/** The whole command line as one tree: what `qmesh` runs, and what help, completion and the tests of the pages read. */
import { Command } from 'commander';
import { version } from '../version.js';
import { withManual } from './manual.js';

/** In the order of the help. Each command is loaded on demand: `qmesh status` does not load a worker's modules. */
const groups: Readonly<Record<string, Readonly<Record<string, () => Promise<Command>>>>> = {
  'Use models:': {
    ask: async () => (await import('./commands/ask.js')).askCommand(),
    chat: async () => (await import('./commands/chat.js')).chatCommand(),
    serve: async () => (await import('./commands/serve.js')).serveCommand(),
  },
  'Lend this machine:': {
    worker: async () => (await import('./commands/worker.js')).workerCommand(),
    status: async () => (await import('./commands/status.js')).statusCommand(),
    pause: async () => (await import('./commands/pause.js')).pauseCommand(),
    resume: async () => (await import('./commands/resume.js')).resumeCommand(),
    stop: async () => (await import('./commands/stop.js')).stopCommand(),
    models: async () => (await import('./commands/models.js')).modelsCommand(),
    score: async () => (await import('./commands/score.js')).scoreCommand(),
  },
  'See what is going on:': {
    top: async () => (await import('./commands/top.js')).topCommand(),
    inspect: async () => (await import('./commands/inspect.js')).inspectCommand(),
    doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  },
  'Set up:': {
    dht: async () => (await import('./commands/dht.js')).dhtCommand(),
    config: async () => (await import('./commands/config.js')).configCommand(),
    completion: async () => (await import('./commands/completion.js')).completionCommand(),
  },
};

/** These need the whole tree. */
const needsAll: readonly string[] = ['completion'];

/** @param words of the command line; if they name a command, the others may be missing from the tree */
export async function qmeshProgram([name]: readonly string[] = []): Promise<Command> {
  const isKnown = name !== undefined && Object.values(groups).some((group) => Object.hasOwn(group, name));
  const isAlone = isKnown && !needsAll.includes(name);
  const program = withManual(
    new Command('qmesh')
      .description('A peer-to-peer mesh that runs language models on people’s own machines.')
      .version(version, '-V, --version', 'print the version')
      .enablePositionalOptions(), // a flag after `score log` belongs to it, even if `score` has the same one
    {
      examples: [
        ['qmesh worker', 'lend this machine; with no model of your own it serves a demo that counts'],
        ['qmesh ask "count from 5"', 'ask any worker'],
        ['qmesh models recommend --pull', 'find the best model for this machine, and fetch it'],
        ['qmesh ask --help', 'a page like this one for each command'],
      ],
      see: ['docs/getting-started.md'],
    },
  );
  for (const [title, group] of Object.entries(groups)) {
    program.commandsGroup(title);
    for (const [each, load] of Object.entries(group)) if (!isAlone || each === name) program.addCommand(await load());
  }
  return program.helpCommand('help [command]', 'Show the page of a command.');
}
