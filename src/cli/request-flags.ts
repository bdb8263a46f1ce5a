/** Shared by the commands that ask the mesh: request flags, joining as a client, and advice for each failure. */
import { InvalidArgumentError, type Command } from 'commander';
import { openHome } from '../actors/home/home.js';
import { loadIdentity } from '../actors/home/identity.js';
import type { RequestError } from '../client/answer-stream.js';
import { QMeshClient } from '../client/client.js';
import { adviceFor } from '../client/error-codes.js';
import { modelFolders } from '../model-folders.js';
import { nullLogger } from '../runtime/log.js';
import { systemRandom } from '../runtime/random.js';
import type { Settings } from '../settings.js';
import { mintersOf, policyOf } from '../validator-policy.js';
import { CommandError, exitCode, notJoined } from './failure.js';

/** Settings of a command that joins a mesh as a client. */
export const clientSettings = ['bootstrap', 'host', 'network', 'home', 'maxPrice'] as const;
/** Settings of a command that also asks there. */
export const askSettings = [...clientSettings, 'spotChecks'] as const;

export interface RequestFlags extends Readonly<Record<string, unknown>> {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly pin?: string;
  readonly timeout: number;
  readonly local?: boolean;
}

export const withRequestFlags = (command: Command): Command =>
  command
    .option('--model <name>', 'name or SHA-256 of the model; by default what the worker serves')
    .option('--max-tokens <n>', 'maximum length of the answer', wholeNumber({ min: 1 }))
    .option('--temperature <t>', 'randomness: 0 always takes the likeliest token', number({ min: 0 }))
    .option('--seed <n>', 'same seed, same answer', wholeNumber({ min: 0 }))
    .option('--pin <worker>', 'only this worker, by its ID', workerId)
    .option('--timeout <seconds>', 'give up after this long', number({ min: 1 }), 300)
    .option('--local', 'if no worker is left, answer from a model on this disk: --model, or what a worker would serve')
    .option('--public', 'ask the public mesh: strangers will see the prompt');

/** The part of a request that its flags set. */
export const requestOf = ({ maxTokens, temperature, seed, model, pin, timeout }: RequestFlags) => ({
  options: {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(seed === undefined ? {} : { seed }),
  },
  ...(model === undefined ? {} : { model }),
  ...(pin === undefined ? {} : { pin }),
  deadlineMs: Math.round(timeout * 1_000),
});

/**
 * @param isLocal whether a local model answers if no worker is left
 * @param isLasting whether the client runs long enough to look up the account's points in the mesh
 * @throws CommandError
 */
export async function joinAsClient(
  values: Settings,
  { isLocal, isLasting = false }: { readonly isLocal: boolean; readonly isLasting?: boolean },
): Promise<QMeshClient> {
  const {
    bootstrap,
    host,
    network,
    home,
    maxPrice,
    spotChecks,
    model,
    context: contextSize,
    threads,
    gpuLayers,
  } = values;
  const { keyPair } = loadIdentity(openHome(home), systemRandom, nullLogger);
  const fallback = { home, folders: modelFolders(values), model: model[0], contextSize, threads, gpuLayers };
  const scores = { policy: policyOf(values), minters: mintersOf(values) };
  const options = {
    bootstrap,
    host,
    network,
    home,
    maxPrice,
    spotChecks,
    identity: keyPair,
    ...(isLocal && { fallback }),
    ...(isLasting && { scores }),
  };
  return QMeshClient.connect(options).catch((error: unknown) => {
    throw notJoined(error);
  });
}

export function explain({ code, message, text, tries }: RequestError): CommandError {
  const asked = tries.length;
  const what = text === '' ? 'no answer' : 'the answer broke off';
  return new CommandError(
    asked === 0 ? what : `${what} (asked ${asked === 1 ? 'one worker' : `${asked} times`})`,
    message,
    adviceFor(code),
    { code, exit: code === 'bad_request' ? exitCode.usage : exitCode.failed },
  );
}

export function number({ min }: { readonly min: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && Number.isFinite(value)) return value;
    throw new InvalidArgumentError(`It must be a number of at least ${min}.`);
  };
}

function wholeNumber({ min }: { readonly min: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && Number.isSafeInteger(value)) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${min}.`);
  };
}

function workerId(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError('A worker ID is 64 hex characters, as in its worker-id.txt.');
}
