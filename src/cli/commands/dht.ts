/** `qmesh dht`: a bootstrap node, for a network of one's own or for tests. */
import { Command } from 'commander';
import { runBootstrapNode } from '../../actors/bootstrap-node.js';
import { CommandError, exitCode } from '../failure.js';
import { withManual } from '../manual.js';
import { untilSignal } from '../signals.js';

interface Options {
  readonly port: string;
  readonly host: string;
  readonly json?: boolean;
}

export const dhtCommand = (): Command =>
  withManual(
    new Command('dht')
      .description('Run a bootstrap node: what the other machines of a private mesh are pointed at.')
      .option('--port <port>', 'UDP port; 0 takes a free one', '50000')
      .option('--host <address>', 'address to bind; 127.0.0.1 keeps it on this machine', '0.0.0.0')
      .option('--json', 'print one JSON line when it is ready'),
    {
      about: ['It holds no data and sees no prompts: it tells nodes where others are.'],
      examples: [
        ['qmesh dht', 'on port 50000; it prints the address for the others'],
        ['QMESH_BOOTSTRAP=192.168.1.10:50000 qmesh worker', 'a worker on another machine joins'],
      ],
      see: ['docs/private-mesh.md'],
    },
  ).action(run);

async function run({ port, host, json = false }: Options): Promise<void> {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new CommandError(
      `--port is "${port}"`,
      'A port is a whole number from 0 to 65535.',
      'Example: qmesh dht --port 50000',
      { code: 'usage', exit: exitCode.usage },
    );
  await new Promise<void>((resolve, reject) => {
    const node = runBootstrapNode(
      { host, port: number },
      {
        ready: ({ bootstrap }) => {
          if (json) process.stdout.write(`${JSON.stringify({ event: 'dht.ready', bootstrap })}\n`);
          else
            process.stdout.write(
              `Bootstrap node on ${bootstrap}. Others join with --bootstrap ${bootstrap}\nStop with Ctrl-C.\n`,
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
