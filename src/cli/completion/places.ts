/**
 * What can be typed at each place of a command line, read from commander's tree, so that completion always matches the
 * commands.
 */
import type { Command } from 'commander';

export interface Word {
  readonly word: string;
  readonly describe: string;
}

/** `after` names the commands typed so far, such as `models pull`; '' is right after the program's name. */
export interface Place {
  readonly after: string;
  /** And the values of an argument that has only a few. */
  readonly commands: readonly Word[];
  readonly flags: readonly Word[];
}

export function placesOf(program: Command): readonly Place[] {
  return placesUnder(program, []);
}

function placesUnder(command: Command, names: readonly string[]): Place[] {
  const here: Place = {
    after: names.join(' '),
    commands: [
      ...command.commands.map((child) => ({ word: child.name(), describe: child.description() })),
      ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
        argChoices.map((word) => ({ word, describe: description })),
      ),
    ],
    flags: [
      ...command.options.map(({ long, short, description }) => ({ word: long ?? short ?? '', describe: description })),
      { word: '--help', describe: 'show the page of this command' },
    ],
  };
  return [here, ...command.commands.flatMap((child) => placesUnder(child, [...names, child.name()]))];
}
