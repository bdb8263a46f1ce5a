/** What the doctor looks at, and what it finds. */
import type { Settings } from '../../settings.js';
import type { Recommendation } from '../recommendation.js';

/** `skip`: not looked at, and it says why. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly status: Status;
  /** What is so, in a sentence or two. */
  readonly says: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Of one node: its settings, and what several checks ask for. */
export interface Subject {
  readonly values: Settings;
  /** The world may be asked. */
  readonly isPublic: boolean;
  /** What there is to compute on, and what fits; looked at once. */
  readonly recommendation: () => Promise<Recommendation>;
}

export type Check = (subject: Subject) => Promise<Finding> | Finding;

export const ok = (says: string): Finding => ({ status: 'ok', says });
export const skip = (says: string): Finding => ({ status: 'skip', says });
export const warn = (says: string, advice: string): Finding => ({ status: 'warn', says, advice });
export const fail = (says: string, advice: string): Finding => ({ status: 'fail', says, advice });
