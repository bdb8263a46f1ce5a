/** `qmesh ask`: one question, its answer streamed to the terminal. */
import { Command, InvalidArgumentError } from 'commander';
import { openHome } from '../../actors/home.js';
import { loadIdentity } from '../../actors/identity.js';
import { RequestError, type Answer, type AnswerStream } from '../../client/answer-stream.js';
import { QMeshClient, type RequestOptions } from '../../client/client.js';
import { nullLogger } from '../../runtime/log.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random.js';
import type { Settings } from '../../settings.js';
import { modelFolders } from '../../model-folders.js';
import { failoverNote, positionNote } from '../ask-notes.js';
import { CommandError, exitCode, splitAdvice } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { printable } from '../printable.js';

interface Options extends Readonly<Record<string, unknown>> {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly pin?: string;
  readonly timeout: number;
  readonly local?: boolean;
  readonly json?: boolean;
}

export const askCommand = (): Command =>
  withSettings(
    new Command('ask')
      .description('Ask a question, and read the answer as it comes.')
      .argument('<prompt...>', 'the question'),
    ['bootstrap', 'host', 'network', 'home'],
  )
    .option('--model <name>', 'name or SHA-256 of the model; by default what the worker serves')
    .option('--max-tokens <n>', 'length of the answer at most', wholeNumber({ min: 1 }))
    .option('--temperature <t>', '0 always takes the likeliest token', number({ min: 0 }))
    .option('--seed <n>', 'same seed, same answer', wholeNumber({ min: 0 }))
    .option('--pin <worker>', 'only this worker, by its ID', workerId)
    .option('--timeout <seconds>', 'give up after this long', number({ min: 1 }), 300)
    .option(
      '--local',
      'where no worker is left, answer from a model on this disk: --model, or what a worker would serve',
    )
    .option('--public', 'ask the world: strangers will see the prompt')
    .option('--json', 'print one JSON object with the answer, the worker, the tries and the timings')
    .addHelpText(
      'after',
      '\nExamples:\n  qmesh ask "count from 5" --max-tokens 10\n  qmesh ask --json "count from 5" | jq .text' +
        '\n  qmesh ask --local "count from 5"         also where there is no worker',
    )
    .action((words: string[], options: Options) => ask(words.join(' '), options));

async function ask(prompt: string, options: Options): Promise<void> {
  const abort = abortOnSignal();
  const json = options.json === true;
  const { model: _model, ...shared } = options; // here a request's model, not the setting of a worker
  const { values } = readSettings(shared);
  const startedMs = systemClock.monotonicMs();
  const client = await connect(values, options.local === true);
  const connectedMs = systemClock.monotonicMs();
  try {
    const stream = client.stream(requestOf(prompt, options), { signal: abort.signal, ...notes(json) });
    const { answer, firstTextMs } = await read(stream, json);
    if (json) {
      const timings = {
        connectMs: Math.round(connectedMs - startedMs),
        firstTextMs: firstTextMs === undefined ? null : Math.round(firstTextMs - connectedMs),
        totalMs: Math.round(systemClock.monotonicMs() - startedMs),
      };
      process.stdout.write(`${JSON.stringify({ ...answer, timings })}\n`);
    } else if (!answer.text.endsWith('\n')) process.stdout.write('\n');
    if (abort.signal.aborted) process.exitCode = exitCode.interrupted;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (!json && error.text !== '') process.stdout.write('\n');
    throw explain(error);
  } finally {
    await client.close();
  }
}

/** The first Ctrl-C cancels the request, and the answer ends where it is; a second one ends the process. */
function abortOnSignal(): AbortController {
  const abort = new AbortController();
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(exitCode.interrupted));
    abort.abort();
  });
  return abort;
}

async function connect(values: Settings, isLocal: boolean): Promise<QMeshClient> {
  const { bootstrap, host, network, home, model, context: contextSize, threads, gpuLayers } = values;
  const { keyPair } = loadIdentity(openHome(home), systemRandom, nullLogger);
  const fallback = { home, folders: modelFolders(values), model: model[0], contextSize, threads, gpuLayers };
  const options = { bootstrap, host, network, identity: keyPair, ...(isLocal && { fallback }) };
  return QMeshClient.connect(options).catch((error: unknown) => {
    const [why, next] = splitAdvice(error instanceof Error ? error.message : String(error));
    throw new CommandError('the mesh cannot be joined', why, next, { reason: 'network_failed' });
  });
}

/** Where nobody looks, or a program reads, nothing is said but the answer. */
function notes(isSilent: boolean): Pick<RequestOptions, 'onPosition' | 'onFailover'> {
  if (isSilent || !process.stderr.isTTY) return {};
  let last: string | undefined;
  const say = (note: string | undefined): void => {
    if (note !== undefined && note !== last) process.stderr.write(`${dim(`[${printable(note)}]`)}\n`);
    last = note;
  };
  return {
    onPosition: (position) => say(positionNote(position)),
    onFailover: (failover) => say(failoverNote(failover)),
  };
}

const dim = (text: string): string => `\x1b[2m${text}\x1b[0m`;

/** To the terminal as it comes, unless only the whole is wanted. */
async function read(
  stream: AnswerStream,
  isSilent: boolean,
): Promise<{ readonly answer: Answer; readonly firstTextMs: number | undefined }> {
  let firstTextMs: number | undefined;
  for await (const { text } of stream) {
    firstTextMs ??= systemClock.monotonicMs();
    if (!isSilent) process.stdout.write(process.stdout.isTTY ? printable(text) : text);
  }
  return { answer: await stream.result, firstTextMs };
}

const requestOf = (prompt: string, { maxTokens, temperature, seed, model, pin, timeout }: Options) => ({
  messages: [{ role: 'user', content: prompt }],
  options: {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(seed === undefined ? {} : { seed }),
  },
  ...(model === undefined ? {} : { model }),
  ...(pin === undefined ? {} : { pin }),
  deadlineMs: Math.round(timeout * 1_000),
});

/** What a person can do about each way to fail. */
const advice: Readonly<Record<string, string>> = {
  no_worker: 'Start one in another terminal: qmesh worker. In a private mesh, give both the same --bootstrap.',
  model_not_found: 'Leave --model away to take what is served, or start a worker with that model.',
  prompt_too_long: 'Shorten the prompt, or ask a worker with a longer context.',
  worker_silent: 'Ask again when the worker is back, start another one, or let this machine answer with --local.',
  local_failed: 'See what is on this disk with: qmesh models list.',
  deadline_exceeded: 'Give it more time with --timeout.',
};

function explain({ code: reason, message, tries }: RequestError): CommandError {
  const asked = tries.length;
  return new CommandError(
    asked === 0 ? 'no answer' : `no answer (asked ${asked === 1 ? 'one worker' : `${asked} times`})`,
    message,
    advice[reason] ?? 'Ask again; the log of the worker may have the cause.',
    { code: reason === 'bad_request' ? exitCode.usage : exitCode.failed, reason },
  );
}

function number({ min }: { readonly min: number }): (text: string) => number {
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
