/** `qmesh serve`: an OpenAI-compatible server for the mesh. Runs until stopped. */
import { Command } from 'commander';
import { Gateway } from '../../gateway/gateway.js';
import { isLoopback, parseAddress, writtenAddress, type Address } from '../../runtime/address.js';
import { systemClock } from '../../runtime/clock.js';
import { createLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import type { Settings } from '../../settings.js';
import { CommandError, exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { askSettings, joinAsClient } from '../request-flags.js';
import { untilSignal } from '../signals.js';

interface Options extends Readonly<Record<string, unknown>> {
  readonly local?: boolean;
  readonly json?: boolean;
}

const flags = [
  'listen',
  'apiKeys',
  'cors',
  'names',
  'concurrency',
  'answerMs',
  'drainMs',
  'logLevel',
  'model',
  ...askSettings,
] as const;

export const serveCommand = (): Command =>
  withManual(
    withSettings(
      new Command('serve').description('Serve OpenAI’s API to other programs, on http://127.0.0.1:8080/v1.'),
      flags,
    )
      .option('--local', 'if no worker is left, answer from a model on this disk: --model, or the demo')
      .option('--public', 'ask the public mesh: strangers will see the prompts')
      .option('--json', 'log JSON lines on a terminal too; the first says where it listens'),
    {
      about: [
        'Point a program at it with OPENAI_BASE_URL=http://127.0.0.1:8080/v1 and any',
        'API key, or in the settings of the program. To let other machines reach it, set',
        'QMESH_API_KEYS and --listen. docs/openai.md has the details.',
        'Ctrl-C takes no new requests and lets open ones finish; twice ends at once.',
      ],
      examples: [
        ['qmesh serve', 'for the programs of this machine'],
        ['qmesh serve --local --model ./llama.gguf', 'also where there is no worker'],
        ['QMESH_API_KEYS=$(openssl rand -hex 24) qmesh serve --listen 0.0.0.0:8080', 'for other machines'],
        ['qmesh serve --cors http://localhost:3000', 'for a web page'],
      ],
      see: ['qmesh worker', 'docs/openai.md'],
    },
  ).action(serve);

/** A working program reads within this time, however slow its connection. */
const stalledReaderMs = 60_000;

async function serve(options: Options): Promise<void> {
  const { values } = readSettings(options);
  const address = addressOf(values);
  const stopAsked = untilSignal();
  const isForPeople = process.stdout.isTTY && options.json !== true;
  const log = createLogger({ level: values.logLevel, pretty: isForPeople });
  const client = await joinAsClient(values, { isLocal: options.local === true, isLasting: true });
  client.on('checked', ({ text: _text, ...checked }) => {
    if (checked.isAvoided) log.warn('answer.doubtful', checked);
    else log.debug('answer.checked', checked);
  });
  const { apiKeys, cors, names, concurrency, answerMs, drainMs } = values;
  const gateway = new Gateway({
    client,
    clock: systemClock,
    random: systemRandom,
    log,
    apiKeys,
    cors,
    names,
    isLocal: isLoopback(address),
    maxChoicesOpen: concurrency,
    deadlineMs: answerMs,
    stalledReaderMs,
  });
  try {
    const { port } = await gateway.listen(address).catch((error: unknown) => {
      throw notListening(address, error);
    });
    const url = `http://${writtenAddress({ ...address, port })}/v1`;
    if (isForPeople) process.stdout.write(greeting(url, apiKeys.length > 0));
    else log.info('serve.ready', { url, needsKey: apiKeys.length > 0 });
    const signal = await stopAsked;
    log.info('serve.stopping', { by: signal, drainMs });
  } finally {
    await gateway.close(drainMs);
    await client.close();
  }
  log.info('serve.stopped');
}

/** @throws CommandError if strangers could use it */
function addressOf({ listen, apiKeys }: Settings): Address {
  const address = parseAddress(listen);
  if (address !== undefined && (isLoopback(address) || apiKeys.length > 0)) return address;
  throw new CommandError(
    `without a key, ${listen} is not opened`,
    'Everybody who reaches that address could use the mesh in your name.',
    'Set QMESH_API_KEYS, for example to what `openssl rand -hex 24` says, or listen on 127.0.0.1.',
    { code: 'key_needed', exit: exitCode.usage },
  );
}

function notListening(address: Address, error: unknown): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = writtenAddress(address);
  const next = 'Take another one with --listen, for example --listen 127.0.0.1:8081.';
  if (code === 'EADDRINUSE')
    return new CommandError(`${where} is taken`, 'Another program listens there.', next, { code: 'port_taken' });
  return new CommandError(`${where} cannot be listened at`, message, next, { code: 'listen_failed' });
}

const greeting = (url: string, needsKey: boolean): string =>
  [
    `QMesh answers programs at ${url}`,
    '',
    `  OPENAI_BASE_URL=${url}`,
    `  OPENAI_API_KEY=${needsKey ? '…' : 'any'}`,
    '',
    needsKey ? 'The key is one of QMESH_API_KEYS.' : 'The key may be any text.',
    `What is served: curl ${url}/models`,
    'Stop with Ctrl-C.',
    '',
  ].join('\n');
