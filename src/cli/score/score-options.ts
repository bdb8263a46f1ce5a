/** Options shared by all commands about points. */
import type { Command } from 'commander';
import { withSettings } from '../load-settings.js';

export type ScoreOptions = Readonly<Record<string, unknown>> & { readonly json?: boolean };

/** If a worker is running, its policy applies. */
export const withScoreOptions = (command: Command): Command =>
  withSettings(command, ['home', 'network', 'validators', 'threshold', 'minters']).option(
    '--json',
    'print one JSON object',
  );
