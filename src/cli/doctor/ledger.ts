/** What points are worth on this node: which validators count them, and who may create them. */
import { mintersOf, policyMistake, policyOf } from '../../validator-policy.js';
import { fail, ok, warn, type Check } from './finding.js';

export const checkPoints: Check = ({ values }) => {
  const mistake = policyMistake(values);
  if (mistake !== undefined) return fail(`${mistake}.`, 'What the two mean: docs/ledger.md');
  const minters = mintersOf(values);
  const created = minters === 'everyone' ? 'every worker earns them' : `${minters.size} named workers earn them`;
  const policy = policyOf(values);
  if (policy.validators !== 'seen')
    return ok(
      `They count once ${policy.threshold} of ${policy.validators.length} named validators attest them; ${created}.`,
    );
  const says = `They count once most of the workers met so far attest them; ${created}.`;
  return values.bootstrap.kind === 'public'
    ? warn(
        `${says} On the public mesh anybody can run many workers.`,
        'Name validators that you trust: QMESH_VALIDATORS',
      )
    : ok(`${says} Fine among friends; among strangers, name validators (QMESH_VALIDATORS).`);
};
