/** What can be typed at each place of a command line, read off commander's tree, so that completion never lags behind the commands. */
import type { Command } from 'commander';

export interface Word {
  readonly word: string;
  readonly describe: string;
}

/** After these commands: `models pull`; '' is after the program's own name. */
export interface Place {
  readonly after: string;
  readonly commands: readonly Word[];
  readonly flags: readonly Word[];
}

export function placesOf(program: Command): readonly Place[] {
  return placesUnder(program, []);
}

function placesUnder(command: Command, names: readonly string[]): Place[] {
  const here: Place = {
    after: names.join(' '),
    commands: command.commands.map((child) => ({ word: child.name(), describe: child.description() })),
    flags: [
      ...command.options.map(({ long, short, description }) => ({ word: long ?? short ?? '', describe: description })),
      { word: '--help', describe: 'show the page of this command' },
    ],
  };
  return [here, ...command.commands.flatMap((child) => placesUnder(child, [...names, child.name()]))];
}
