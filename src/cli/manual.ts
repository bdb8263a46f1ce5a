/** The parts of `--help` besides usage and flags: a manual page, structured the same for every command. */
import { Help, type Command } from 'commander';

export interface Manual {
  /** More than the description's one line; one entry per line. */
  readonly about?: readonly string[];
  /** As typed; the test of the pages runs each through the parser. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Related commands and pages. */
  readonly see?: readonly string[];
}

/** Heading of the flags that many commands share. */
export const settingsTitle = 'Settings (also environment variables, or qmesh.config.json: see docs/configuration.md):';

const bold = (text: string): string => `\x1b[1m${text}\x1b[22m`; // commander strips it where there are no colours

export function withManual(command: Command, { about = [], examples, see = [] }: Manual): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ['About:', about],
    ['Examples:', examples.map(([line, what]) => `${line.padEnd(width)}  # ${what}`)],
    ['See also:', see],
  ];
  const text = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `\n${bold(title)}\n${lines.map((line) => `  ${line}`).join('\n')}`);
  return command
    .helpOption('-h, --help', 'show this page')
    .configureHelp({ styleTitle: bold, groupItems: settingsLast, subcommandTerm: (sub) => sub.name() })
    .addHelpText('after', text.join('\n'));
}

/** Lists a command's own flags before the settings. */
const settingsLast: Help['groupItems'] = (...items) => {
  const groups = [...Help.prototype.groupItems(...items)];
  return new Map(groups.sort(([a], [b]) => Number(a === settingsTitle) - Number(b === settingsTitle)));
};
