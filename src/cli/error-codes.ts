/** The codes of `{"error": {"code": …}}` with `--json`, beside those of a request (client/error-codes.ts), and the exit codes. */
import type { HomeErrorCode } from '../actors/home/home.js';
import type { ScoreStoreErrorCode } from '../actors/scores/score-store.js';
import { exitCode } from './failure.js';

const homeErrors = {
  home_not_a_folder: 'The home is a file, or its path leads through one.',
  home_not_writable: 'The home cannot be made, or nothing can be written in it.',
  home_in_use: 'Another worker runs on this home.',
  identity_unreadable: '`identity.key` cannot be read, or its permissions cannot be mended.',
  identity_damaged: '`identity.key` holds no seed.',
} as const satisfies Record<HomeErrorCode, string>;

const scoreErrors = {
  no_ledger: 'There are no points here yet, or the worker runs without its ledger.',
  store_in_use: 'Another process has the ledger open: a worker, most often.',
  store_copied: 'The ledger is a copy of another folder, and is not opened: see docs/ledger.md.',
  store_unreadable: 'The ledger cannot be read.',
  store_busy: 'The disk does not keep up with the ledger. Try again.',
  ledger_busy: 'Receipts were certified while the ledger was read. Try again.',
  unreadable: 'The worker cannot read its ledger. Its log has the cause.',
  file_exists: 'There is a file of this name already, and it is left as it is.',
  backup_unwritten: 'The backup cannot be written.',
  backup_unreadable: 'The backup cannot be read.',
  backup_damaged: 'The backup is cut off or changed, and nothing of it was taken.',
  backup_unknown: 'The backup was written by a later version.',
} as const satisfies Record<ScoreStoreErrorCode, string> & Record<string, string>;

/** What each says of the command that failed with it. */
export const commandErrors: Readonly<Record<string, string>> = {
  usage: 'The command line is wrong. The message names the word.',
  bad_config: 'Settings are wrong. Each is named, with where it came from and what is expected.',
  ...homeErrors,
  ...scoreErrors,
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
  no_admin: 'The worker has no admin server, from which it could be inspected.',
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
