/** `qmesh score backup`: writes the ledger to one file, while a running worker keeps working. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadIdentity } from '../../actors/home/identity.js';
import { topicName } from '../../protocol/topics.js';
import { systemClock } from '../../runtime/clock.js';
import { nullLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { writeBackup } from '../score/backup-file.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { openReader } from '../score/score-reader.js';

export const scoreBackupCommand = (): Command =>
  withManual(
    withScoreOptions(
      new Command('backup')
        .description('Write certificates, claims, own signatures and evidence to a file.')
        .argument('<file>', 'a file that does not exist yet'),
    ),
    {
      about: [
        'Copying the folder score-db is no backup: a copy is not opened, since two nodes',
        'that continue from one history contradict each other. Keep identity.key as well:',
        'it is the account, and without it nobody can use its points.',
      ],
      examples: [
        ['qmesh score backup points.jsonl', 'while the worker runs, or not'],
        ['qmesh score restore points.jsonl', 'to get it back'],
      ],
      see: ['docs/ledger.md'],
    },
  ).action((file: string, options: ScoreOptions) => run(resolve(file), options));

async function run(path: string, { json, ...options }: ScoreOptions): Promise<void> {
  const { values } = readSettings(options);
  const reader = await openReader(values);
  try {
    const { id: account, keyPair } = loadIdentity({ path: values.home }, systemRandom, nullLogger);
    const network = topicName('inference', values.network);
    const lines = await writeBackup(reader, path, { account, network, at: systemClock.now(), keyPair });
    process.stdout.write(json === true ? `${JSON.stringify({ path, lines })}\n` : `${lines} objects are in ${path}.\n`);
  } finally {
    await reader.close();
  }
}
