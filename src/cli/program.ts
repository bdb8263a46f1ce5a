/** The whole command line as one tree: what `qmesh` runs, and what help, completion and the tests of the pages read. */
import { Command } from 'commander';
import { version } from '../version.js';
import { withManual } from './manual.js';

/** In the order of the help. Each is loaded when it is needed: `qmesh status` does without what a worker is made of. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  worker: async () => (await import('./commands/worker.js')).workerCommand(),
  status: async () => (await import('./commands/status.js')).statusCommand(),
  pause: async () => (await import('./commands/pause.js')).pauseCommand(),
  resume: async () => (await import('./commands/resume.js')).resumeCommand(),
  stop: async () => (await import('./commands/stop.js')).stopCommand(),
  ask: async () => (await import('./commands/ask.js')).askCommand(),
  chat: async () => (await import('./commands/chat.js')).chatCommand(),
  serve: async () => (await import('./commands/serve.js')).serveCommand(),
  top: async () => (await import('./commands/top.js')).topCommand(),
  inspect: async () => (await import('./commands/inspect.js')).inspectCommand(),
  score: async () => (await import('./commands/score.js')).scoreCommand(),
  models: async () => (await import('./commands/models.js')).modelsCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  dht: async () => (await import('./commands/dht.js')).dhtCommand(),
  config: async () => (await import('./commands/config.js')).configCommand(),
  completion: async () => (await import('./commands/completion.js')).completionCommand(),
};

/** These read the whole tree. */
const needsAll: readonly string[] = ['completion'];

/** @param words of the command line; where they name a command, the others may be missing from the tree. */
export async function qmeshProgram([name]: readonly string[] = []): Promise<Command> {
  const isAlone = name !== undefined && Object.hasOwn(commands, name) && !needsAll.includes(name);
  const wanted = isAlone ? commands[name] : undefined;
  const program = withManual(
    new Command('qmesh')
      .description('A peer-to-peer mesh that runs language models on people’s own machines.')
      .version(version)
      .enablePositionalOptions(), // a flag after `score log` is that command's, though `score` has it, too
    {
      examples: [
        ['qmesh worker', 'lend this machine; without a model of yours it serves a demo that counts'],
        ['qmesh ask "count from 5"', 'ask whoever serves'],
        ['qmesh ask --help', 'the same page for each command'],
      ],
    },
  );
  for (const load of wanted === undefined ? Object.values(commands) : [wanted]) program.addCommand(await load());
  return program;
}
