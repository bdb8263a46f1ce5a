/** `qmesh completion`: prints a completion script with the commands and flags of this version. */
import { Argument, Command } from 'commander';
import { placesOf } from '../completion/places.js';
import { completionScript, shells, type Shell } from '../completion/scripts.js';
import { withManual } from '../manual.js';

export const completionCommand = (): Command => {
  const command = withManual(
    new Command('completion')
      .description('Print a script that makes your shell complete commands and flags.')
      .addArgument(new Argument('<shell>', 'your shell').choices(shells)),
    {
      examples: [
        ['source <(qmesh completion bash)', 'for this shell; put it in ~/.bashrc for all'],
        ['source <(qmesh completion zsh)', 'for this shell; put it in ~/.zshrc, after compinit, for all'],
        ['qmesh completion fish > ~/.config/fish/completions/qmesh.fish', 'for all'],
      ],
    },
  );
  return command.action((shell: Shell) => {
    const program = command.parent ?? command;
    process.stdout.write(completionScript(shell, program.name(), placesOf(program)));
  });
};
