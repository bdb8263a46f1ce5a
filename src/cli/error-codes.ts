/** The codes of `{"error": {"code": …}}` with `--json`, beside those of a request (client/error-codes.ts), and the exit codes. */
import type { HomeErrorCode } from '../actors/home.js';
import { exitCode } from './failure.js';

const homeErrors = {
  home_not_a_folder: 'The home is a file, or its path leads through one.',
  home_not_writable: 'The home cannot be made, or nothing can be written in it.',
  home_in_use: 'Another worker runs on this home.',
  identity_unreadable: '`identity.key` cannot be read, or its permissions cannot be mended.',
  identity_damaged: '`identity.key` holds no seed.',
} as const satisfies Record<HomeErrorCode, string>;

/** What each says of the command that failed with it. */
export const commandErrors: Readonly<Record<string, string>> = {
  usage: 'The command line is wrong. The message names the word.',
  bad_config: 'Settings are wrong. Each is named, with where it came from and what is expected.',
  ...homeErrors,
  network_failed: 'The mesh cannot be joined: a port is taken, or an address is not of this machine.',
  dht_failed: 'The bootstrap node cannot start.',
  no_model: 'None of the models can be served. The reasons are in the message.',
  model_not_found: 'There is no model of this name here, or nobody serves it.',
  model_in_use: 'A worker serves this model now.',
  bad_name: 'It is no name for a model.',
  none_fits: 'No model of the catalog fits this machine.',
  not_confirmed: 'A question was answered with no, or there was nobody to answer it.',
  not_added: 'The file cannot be added to the models.',
  not_deleted: 'The file cannot be deleted.',
  fetch_failed: 'The model could not be fetched. What has come is kept.',
  key_needed: 'A server that others can reach needs keys.',
  port_taken: 'The port of the server is taken.',
  listen_failed: 'The server cannot listen at this address.',
  no_worker: 'No worker runs on this home, or none was found that could answer.',
  silent: 'The worker does not answer its owner.',
  unreachable: 'The worker cannot be reached, most often because it belongs to another user.',
  unavailable: 'The worker is restarting the part that would do it. Try again.',
  bad_request: 'What was asked is not understood; a worker of another version, most often.',
  escalated: 'The worker gave up: a part of it failed again and again. Its log has the cause.',
  internal: 'Something went wrong that should not. Please report it.',
};

const exitMeanings = {
  done: 'It is done.',
  failed: 'It failed; stderr says what, why, and what to do.',
  usage: 'It was used wrongly: a flag, a setting, or the request itself.',
  fault: 'An internal fault. A service manager may start it again.',
  interrupted: 'It was interrupted: Ctrl-C.',
} as const satisfies Record<keyof typeof exitCode, string>;

export const exitCodes = (): readonly { readonly code: number; readonly meaning: string }[] =>
  Object.entries(exitMeanings)
    .map(([name, meaning]) => ({ code: exitCode[name as keyof typeof exitCode], meaning }))
    .sort((a, b) => a.code - b.code);
