/** `qmesh dht`: bootstrap nodes for a private mesh or a test. */
import { Command, Option } from 'commander';
import { nodesBeforeRouters, runBootstrapNode } from '../../actors/network/bootstrap-node.js';
import { isLoopback } from '../../rules/nat.js';
import { CommandError, exitCode } from '../failure.js';
import { withManual } from '../manual.js';
import { untilSignal } from '../signals.js';

interface Options {
  readonly port: string;
  readonly host: string;
  readonly json?: boolean;
}

const lastPort = 65_536 - nodesBeforeRouters;

export const dhtCommand = (): Command =>
  withManual(
    new Command('dht')
      .description('Run a bootstrap node, the meeting point of a private mesh.')
      .option(
        '--port <port>',
        `the first of ${nodesBeforeRouters} UDP ports in a row (on 127.0.0.1 the only one); 0 picks free ones`,
        '50000',
      )
      .addOption(
        new Option('--host <address>', 'address to bind; 127.0.0.1 keeps it on this machine')
          .env('QMESH_HOST')
          .default('0.0.0.0'),
      )
      .option('--json', 'print one JSON line when it is ready'),
    {
      about: [
        'It holds no data and sees no prompts: it tells nodes where others are.',
        'A firewall must let all of its ports through: by asking on several of them,',
        'nodes learn how their router translates addresses.',
      ],
      examples: [
        ['qmesh dht', 'on ports 50000 to 50003; it prints the address for the others'],
        ['QMESH_BOOTSTRAP=192.168.1.10:50000 qmesh worker', 'a worker on another machine joins'],
      ],
      see: ['docs/private-mesh.md'],
    },
  ).action(run);

async function run({ port, host, json = false }: Options): Promise<void> {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 0 || number > lastPort)
    throw new CommandError(
      `--port is "${port}"`,
      `It is the first of ${nodesBeforeRouters}: a whole number from 0 to ${lastPort}.`,
      'Example: qmesh dht --port 50000',
      { code: 'usage', exit: exitCode.usage },
    );
  await new Promise<void>((resolve, reject) => {
    const node = runBootstrapNode(
      { host, port: number, nodes: isLoopback(host) ? 1 : nodesBeforeRouters },
      {
        ready: ({ bootstrap, ports }) => {
          if (json) process.stdout.write(`${JSON.stringify({ event: 'dht.ready', bootstrap, ports })}\n`);
          else
            process.stdout.write(
              `Bootstrap node on ${bootstrap} (UDP ${portsInWords(ports)}). Others join with --bootstrap ${bootstrap}\nStop with Ctrl-C.\n`,
            );
        },
        failed: (error) =>
          reject(CommandError.because(error, 'the bootstrap node cannot start', { code: 'dht_failed' })),
        closed: resolve,
      },
    );
    void untilSignal().then(() => node.close());
  });
}

/** As for a firewall rule: `port 50000`, `ports 50000, 50001, 50004`. */
const portsInWords = (ports: readonly number[]): string =>
  `${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`;
