/** What all commands about points take. */
import type { Command } from 'commander';
import { withSettings } from '../load-settings.js';

export type ScoreOptions = Readonly<Record<string, unknown>> & { readonly json?: boolean };

/** The policy is that of the worker where one runs. */
export const withScoreOptions = (command: Command): Command =>
  withSettings(command, ['home', 'network', 'validators', 'threshold', 'minters']).option(
    '--json',
    'print one JSON object',
  );
