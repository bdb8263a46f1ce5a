/**
 * The codes of `{"error": {"code": …}}` with `--json`, in addition to those of a request (client/error-codes.ts), and
 * the exit codes.
 */
import type { HomeErrorCode } from '../actors/home/home.js';
import type { ScoreStoreErrorCode } from '../actors/scores/score-store.js';
import { exitCode } from './failure.js';

const homeErrors = {
  home_not_a_folder: 'The home is a file, or its path leads through one.',
  home_not_writable: 'The home cannot be created or written to.',
  home_in_use: 'Another worker is using this home.',
  identity_unreadable: '`identity.key` cannot be read, or its permissions cannot be repaired.',
  identity_damaged: '`identity.key` does not hold a valid seed.',
} as const satisfies Record<HomeErrorCode, string>;

const scoreErrors = {
  no_ledger: 'There are no points here yet, or the worker runs without its ledger.',
  store_in_use: 'Another process has the ledger open, most often a worker.',
  store_copied: 'The ledger was copied from another folder, so it is not opened: see docs/ledger.md.',
  store_unreadable: 'The ledger cannot be read.',
  store_busy: 'The disk cannot keep up with the ledger. Try again.',
  ledger_busy: 'Receipts were certified while the ledger was being read. Try again.',
  unreadable: 'The worker cannot read its ledger. Its log has the cause.',
  file_exists: 'A file of this name exists already, and was left as it is.',
  backup_unwritten: 'The backup cannot be written.',
  backup_unreadable: 'The backup cannot be read.',
  backup_damaged: 'The backup is incomplete or has been changed; nothing was restored from it.',
  backup_unknown: 'The backup was written by a later version of qmesh.',
} as const satisfies Record<ScoreStoreErrorCode, string> & Record<string, string>;

/** What each code says about the command that failed with it. */
export const commandErrors: Readonly<Record<string, string>> = {
  usage: 'The command line is wrong. The message names the word.',
  bad_config: 'Settings are wrong. Each one is named, with where it came from and what was expected.',
  ...homeErrors,
  ...scoreErrors,
  output_failed: 'The output cannot be written, most often because a disk is full.',
  network_failed: 'The mesh cannot be joined: a port is taken, or an address does not belong to this machine.',
  dht_failed: 'The bootstrap node cannot start.',
  no_model: 'None of the models can be served. The reasons are in the message.',
  model_not_found: 'There is no model of this name here, or no worker serves it.',
  model_in_use: 'A worker is serving this model.',
  bad_name: 'This cannot be the name of a model.',
  none_fits: 'No model in the catalog fits this machine.',
  not_confirmed: 'The answer to a yes-or-no question was no, or there was no terminal to ask on.',
  not_added: 'The file cannot be added to the models.',
  not_deleted: 'The file cannot be deleted.',
  fetch_failed: 'The model could not be fetched. What has arrived is kept.',
  key_needed: 'A server that others can reach needs API keys.',
  port_taken: 'The server’s port is taken.',
  listen_failed: 'The server cannot listen on this address.',
  no_admin: 'The worker has no admin server, which is needed to inspect it.',
  no_worker: 'No worker is running on this home, or none was found that could answer.',
  silent: 'The worker does not answer its owner.',
  unreachable: 'The worker cannot be reached, most often because it belongs to another user.',
  unavailable: 'The part of the worker that would do this is restarting. Try again.',
  bad_request: 'The worker did not understand the request, most often because it is another version.',
  escalated: 'The worker gave up: a part of it failed again and again. Its log has the cause.',
  internal: 'Something went wrong that should not. Please report it.',
};

const exitMeanings = {
  done: 'Done.',
  failed: 'Failed; stderr says what went wrong, why, and what to do.',
  usage: 'Used wrongly: a flag, a setting, or the request itself.',
  fault: 'An internal fault. A service manager may start it again.',
  interrupted: 'Interrupted with Ctrl-C.',
} as const satisfies Record<keyof typeof exitCode, string>;

export const exitCodes = (): readonly { readonly code: number; readonly meaning: string }[] =>
  Object.entries(exitMeanings)
    .map(([name, meaning]) => ({ code: exitCode[name as keyof typeof exitCode], meaning }))
    .sort((a, b) => a.code - b.code);
