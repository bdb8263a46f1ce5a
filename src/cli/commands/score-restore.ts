/** `qmesh score restore`: adds what a backup has and this node lacks. Every certificate is verified. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { lockHome, openHome } from '../../actors/home/home.js';
import { loadIdentity } from '../../actors/home/identity.js';
import { topicName } from '../../protocol/topics.js';
import { nullLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import { policyOf } from '../../validator-policy.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { checkBackup, readBackup } from '../score/backup-file.js';
import { restore, type Restored } from '../score/restore.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { openHere } from '../score/score-reader.js';

export const scoreRestoreCommand = (): Command =>
  withManual(
    withScoreOptions(
      new Command('restore')
        .description('Restore what this node lacks from a backup. Stop the worker first.')
        .argument('<file>', 'what qmesh score backup wrote'),
    ),
    {
      about: [
        'Every certificate is checked as if it came from a stranger. What is already here',
        'stays as it is. A node trusts its own backup; from that of another node it takes',
        'certificates of named validators, and evidence, and nothing else.',
      ],
      examples: [['qmesh stop && qmesh score restore points.jsonl', 'then start the worker again']],
      see: ['qmesh score backup', 'docs/ledger.md'],
    },
  ).action((file: string, options: ScoreOptions) => run(resolve(file), options));

async function run(path: string, { json, ...options }: ScoreOptions): Promise<void> {
  const { values } = readSettings(options);
  const backup = await checkBackup(path);
  const home = openHome(values.home);
  const lock = lockHome(home);
  try {
    const { id: account } = loadIdentity(home, systemRandom, nullLogger);
    const ledger = await openHere(values, { isNew: true });
    const context = {
      network: topicName('inference', values.network),
      policy: policyOf(values),
      account,
      isOwn: backup.account === account,
    };
    try {
      const restored = await restore(ledger, readBackup(path), context);
      process.stdout.write(`${json === true ? JSON.stringify(restored) : show(restored)}\n`);
    } finally {
      await new Promise<void>((closed) => ledger.close(() => closed()));
    }
  } finally {
    lock.release();
  }
}

function show({ imported, present, refused }: Restored): string {
  const paint = paintFor(process.stdout);
  const reasons = Object.entries(refused).map(([why, times]) => paint.warn(`${times} refused: ${why}`));
  return [`${imported} objects added, ${present} were here already.`, ...reasons].join('\n');
}
