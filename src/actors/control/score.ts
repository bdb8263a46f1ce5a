/**
 * A running worker's answers about points: no other process can open its database, so the owner's commands read it
 * through here.
 */
import type { WorkerDeps } from '../worker/worker-ports.js';
import type { Found } from '../scores/score-store.js';
import { accountsPage, scoreReport } from '../scores/score-report.js';
import type { ControlRequest, Reply, ScoreAnswer } from './messages.js';

export type ScoreRequest = Extract<ControlRequest, { do: 'score' | 'score.log' | 'score.page' }>;

export const isAboutScore = (request: ControlRequest): request is ScoreRequest => request.do.startsWith('score');

export function answerScore(deps: WorkerDeps, request: ScoreRequest, reply: Reply): void {
  const { scores } = deps;
  if (scores === undefined)
    return reply({
      error: { code: 'no_ledger', message: 'This worker runs without its ledger; its log says why, at its start.' },
    });
  const { ledger } = scores;
  const tell =
    <Value>(as: (value: Value) => ScoreAnswer): Found<Value> =>
    (error, value) =>
      reply(
        error === undefined && value !== undefined
          ? as(value)
          : { error: { code: 'unreadable', message: error?.message ?? 'nothing is there' } },
      );
  switch (request.do) {
    case 'score': {
      const { quorum } = scores.validators;
      const present = { validators: quorum.validators.size, threshold: quorum.threshold };
      const { desk, identity, validators: policy } = deps;
      const source = { account: identity.publicKeyHex, ledger, policy, held: desk.held, present };
      return scoreReport(
        source,
        tell((score) => ({ score })),
      );
    }
    case 'score.log':
      return ledger.records.log(
        request.query,
        tell((log) => ({ log })),
      );
    case 'score.page': {
      const { of, after } = request;
      if (of === 'accounts') return reply({ page: accountsPage(ledger, after) });
      return ledger.records.page(
        of,
        after,
        tell((page) => ({ page: { ...page, revision: ledger.revision } })),
      );
    }
  }
}
