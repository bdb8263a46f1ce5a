/** `qmesh ask`: one question, its answer streamed to the terminal. */
import { Command, InvalidArgumentError } from 'commander';
import { openHome } from '../../actors/home.js';
import { loadIdentity } from '../../actors/identity.js';
import { RequestError } from '../../client/answer-stream.js';
import { QMeshClient } from '../../client/client.js';
import { createLogger } from '../../runtime/log.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random.js';
import { CommandError, exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';

interface Options {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
  readonly pin?: string;
  readonly timeout: number;
  readonly json?: boolean;
  readonly public?: boolean;
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It is not a number.');
  return value;
};

export const askCommand = (): Command =>
  withSettings(
    new Command('ask')
      .description('Ask a question, and read the answer as it comes.')
      .argument('<prompt...>', 'the question'),
    ['bootstrap', 'host', 'network', 'home'],
  )
    .option('--model <name>', 'name or SHA-256 of the model; by default what the worker serves')
    .option('--max-tokens <n>', 'length of the answer at most', number)
    .option('--temperature <t>', '0 always takes the likeliest token', number)
    .option('--seed <n>', 'same seed, same answer', number)
    .option('--pin <worker>', 'only this worker, by its ID')
    .option('--timeout <seconds>', 'give up after this long', number, 300)
    .option('--public', 'ask the world: strangers will see the prompt')
    .option('--json', 'print one JSON object with the answer, the worker, the tries and the timings')
    .addHelpText(
      'after',
      '\nExamples:\n  qmesh ask "count from 5" --max-tokens 10\n  qmesh ask --json "count from 5" | jq .text',
    )
    .action((words: string[], options: Options) => ask(words.join(' '), options));

async function ask(prompt: string, options: Options): Promise<void> {
  const { model: _model, ...shared } = options as Options & Record<string, unknown>;
  const { values } = readSettings(options.public === true ? { ...shared, bootstrap: 'public' } : shared);
  const startedMs = systemClock.monotonicMs();
  const { keyPair } = loadIdentity(openHome(values.home), systemRandom);
  const client = await QMeshClient.connect({
    bootstrap: values.bootstrap,
    host: values.host,
    network: values.network,
    identity: keyPair,
    log: createLogger({ level: 'silent' }),
  });
  const connectedMs = systemClock.monotonicMs();
  try {
    const abort = new AbortController();
    process.once('SIGINT', () => {
      process.once('SIGINT', () => process.exit(130));
      abort.abort();
    });
    const stream = client.stream(requestOf(prompt, options), { signal: abort.signal });
    let firstTextMs: number | undefined;
    for await (const { text } of stream) {
      firstTextMs ??= systemClock.monotonicMs();
      if (options.json !== true) process.stdout.write(text);
    }
    const answer = await stream.result;
    if (options.json === true) {
      const endedMs = systemClock.monotonicMs();
      const timings = {
        connectMs: Math.round(connectedMs - startedMs),
        firstTextMs: firstTextMs === undefined ? null : Math.round(firstTextMs - connectedMs),
        totalMs: Math.round(endedMs - startedMs),
      };
      process.stdout.write(`${JSON.stringify({ ...answer, timings })}\n`);
    } else if (!answer.text.endsWith('\n')) process.stdout.write('\n');
    if (abort.signal.aborted) process.exitCode = 130;
  } catch (error) {
    throw error instanceof RequestError ? explain(error, options.json !== true && error.text !== '') : error;
  } finally {
    await client.close();
  }
}

const requestOf = (prompt: string, options: Options) => ({
  messages: [{ role: 'user', content: prompt }],
  options: {
    ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  },
  ...(options.model === undefined ? {} : { model: options.model }),
  ...(options.pin === undefined ? {} : { pin: options.pin }),
  deadlineMs: Math.round(options.timeout * 1_000),
});

/** What a person can do about each way to fail. */
const advice: Readonly<Record<string, string>> = {
  no_worker: 'Start one in another terminal: qmesh worker. In a private mesh, give both the same --bootstrap.',
  model_not_found: 'Leave --model away to take what is served, or start a worker with that model.',
  prompt_too_long: 'Shorten the prompt, or ask a worker with a longer context.',
  deadline_exceeded: 'Give it more time with --timeout.',
};

function explain(error: RequestError, isMidLine: boolean): CommandError {
  if (isMidLine) process.stdout.write('\n');
  const tried = error.tries.length === 0 ? '' : ` (asked ${error.tries.length} of the workers)`;
  return new CommandError(
    `no answer${tried}`,
    error.message,
    advice[error.code] ?? 'Ask again; the log of the worker may have the cause.',
    error.code === 'bad_request' ? exitCode.usage : exitCode.failed,
    error.code,
  );
}
