/** Whose attestations count and who may create points, as the settings say it. */
import type { Minters } from './rules/ledger.js';
import { leastThreshold, policyProblem, type ValidatorPolicy } from './rules/quorum.js';
import type { Settings } from './settings.js';

type PolicySettings = Pick<Settings, 'validators' | 'threshold'>;

/** Without named validators: `seen`. Without a threshold: the least that holds against a third of liars. */
export const policyOf = ({ validators, threshold }: PolicySettings): ValidatorPolicy =>
  validators.length === 0
    ? { validators: 'seen' }
    : { validators, threshold: threshold ?? leastThreshold(validators.length) };

export const mintersOf = ({ minters }: Pick<Settings, 'minters'>): Minters =>
  minters.length === 0 ? 'everyone' : new Set(minters);

/** Why these settings cannot be used together; undefined where they can. One line, which names the setting. */
export function policyMistake(values: PolicySettings): string | undefined {
  if (values.validators.length === 0)
    return values.threshold === undefined ? undefined : 'QMESH_THRESHOLD means nothing without QMESH_VALIDATORS';
  const problem = policyProblem(policyOf(values));
  return problem === undefined ? undefined : `QMESH_VALIDATORS, QMESH_THRESHOLD: ${problem}`;
}
