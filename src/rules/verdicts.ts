/**
 * The verdicts a validator can give on a claim. A final verdict would be the same again, and is what every honest node would give. The others
 * depend on the moment or on what this node has seen so far, so the claim is judged again later.
 */
interface VerdictRule {
  readonly isFinal: boolean;
  readonly meaning: string;
}

export const verdictRules = {
  valid: { isFinal: true, meaning: 'Everything that can be checked holds.' },
  bad_signature: { isFinal: true, meaning: 'Order, receipt or ack is not signed by whom it names.' },
  mismatch: { isFinal: true, meaning: 'Order, receipt and ack are not of one request.' },
  wrong_network: { isFinal: true, meaning: 'The order was made for another mesh.' },
  same_account: { isFinal: true, meaning: 'Client and worker are one account.' },
  bad_order_times: {
    isFinal: true,
    meaning: 'The order expires before it begins, or is good for more than 10 minutes.',
  },
  wrong_score: { isFinal: true, meaning: 'The points are not those that the facts give.' },
  implausible: { isFinal: true, meaning: 'More than 2 tokens for each millisecond.' },
  response_time: { isFinal: true, meaning: 'Client and worker measured response times that lie too far apart.' },
  bad_clock: { isFinal: true, meaning: 'The order is dated more than 5 minutes after the end of the request.' },
  too_old: { isFinal: true, meaning: 'Finished more than 7 days ago, or ordered more than 30 days ago.' },
  double_receipt: { isFinal: true, meaning: 'This node already knows another receipt for this order.' },
  banned: { isFinal: false, meaning: 'Client or worker signed two versions of one thing within 30 days.' },
  too_early: { isFinal: false, meaning: 'Finished more than 5 minutes from now, by the clock of this node.' },
  overdrawn: { isFinal: false, meaning: "The client's balance does not cover the price." },
} as const satisfies Record<string, VerdictRule>;

export type Verdict = keyof typeof verdictRules;
export type Fault = Exclude<Verdict, 'valid'>;
