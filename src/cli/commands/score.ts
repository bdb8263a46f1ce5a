/** `qmesh score`: this node's balance and tier, how to earn more, and which validators it relies on. */
import { Command } from 'commander';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { openReader } from '../score/score-reader.js';
import { nextTier, policyWords, showScore } from '../score/show-score.js';
import { tierOf } from '../../rules/tiers.js';
import { scoreAuditCommand } from './score-audit.js';
import { scoreBackupCommand } from './score-backup.js';
import { scoreExportCommand } from './score-export.js';
import { scoreLogCommand } from './score-log.js';
import { scoreRestoreCommand } from './score-restore.js';

export const scoreCommand = (): Command =>
  withManual(withScoreOptions(new Command('score').description('See your points, and how to earn more.')), {
    about: [
      'Serving requests earns points, asking with an offer spends them. The points are',
      'those this node has counted itself; no one else keeps them for you.',
    ],
    examples: [
      ['qmesh score', 'balance, tier, achievements, latest receipts'],
      ['qmesh score --json | jq .state.balance', 'in thousandths of a point'],
      ['qmesh score log --account me', 'what you served and asked'],
      ['qmesh score audit', 'count everything again'],
      ['qmesh score backup points.jsonl', 'before the disk fails'],
    ],
    see: ['docs/ledger.md', 'docs/security.md'],
  })
    .enablePositionalOptions()
    .action((options: ScoreOptions) => show(options))
    .addCommand(scoreLogCommand())
    .addCommand(scoreAuditCommand())
    .addCommand(scoreExportCommand())
    .addCommand(scoreBackupCommand())
    .addCommand(scoreRestoreCommand());

async function show({ json, ...options }: ScoreOptions): Promise<void> {
  const reader = await openReader(readSettings(options).values);
  try {
    const report = await reader.report();
    const balance = report.state?.balance ?? 0;
    const text =
      json === true
        ? JSON.stringify({
            ...report,
            tier: tierOf(balance),
            next: nextTier(balance) ?? null,
            warnings: policyWords(report).flatMap(({ text, isWarning }) => (isWarning ? [text] : [])),
          })
        : showScore(report, paintFor(process.stdout));
    process.stdout.write(`${text}\n`);
  } finally {
    await reader.close();
  }
}
