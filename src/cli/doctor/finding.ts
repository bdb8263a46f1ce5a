/** What the doctor's checks get and return. */
import type { Settings } from '../../settings.js';
import type { Recommendation } from '../recommendation.js';

/** `skip`: not checked, with the reason. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly status: Status;
  /** The finding, in a sentence or two. */
  readonly says: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** One node: its settings, and what several checks need. */
export interface Subject {
  readonly values: Settings;
  /** Public hosts may be contacted. */
  readonly isPublic: boolean;
  /** The devices to compute on and the models that fit; determined once. */
  readonly recommendation: () => Promise<Recommendation>;
}

export type Check = (subject: Subject) => Promise<Finding> | Finding;

export const ok = (says: string): Finding => ({ status: 'ok', says });
export const skip = (says: string): Finding => ({ status: 'skip', says });
export const warn = (says: string, advice: string): Finding => ({ status: 'warn', says, advice });
export const fail = (says: string, advice: string): Finding => ({ status: 'fail', says, advice });
