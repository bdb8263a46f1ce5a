/** Error texts for models that are not on this machine. */
import { nearest } from '../runtime/near-match.js';
import { CommandError } from './failure.js';

export function noSuchModel(wanted: string, known: Iterable<string>, folders: readonly string[]): CommandError {
  const meant = nearest(wanted, known);
  return new CommandError(
    `there is no model ${wanted} here`,
    `Looked for .gguf files in ${folders.join(' and ')}.`,
    meant === undefined ? 'qmesh models list shows what is here.' : `Did you mean ${meant}?`,
    { code: 'model_not_found' },
  );
}
