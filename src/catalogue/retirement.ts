import { ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { lifecycleOn, type ModelFacts } from './facts.ts';

/** That a model is no longer served, or soon will not be. */
export interface Retirement {
  readonly isOver: boolean;
  /** YYYY-MM-DD. Empty: it is over, and the day is not known. */
  readonly date: string;
  /** The id of the model that takes its place at the same provider. Undefined: none is known. */
  readonly successor: string | undefined;
}

const NOTICE_DAYS = 90;
const DAY_MS = 86_400_000;

/** Undefined: the model is served for more than 90 days from `today` (YYYY-MM-DD) on, or no end is known. */
export function retirementOf(facts: ModelFacts | undefined, today: string): Retirement | undefined {
  if (!facts) return undefined;
  const { retirementDate: date, successor } = facts;
  const isOver = lifecycleOn(today, facts) === ModelLifecycle.RETIRED;
  const isNear = date !== '' && Date.parse(date) - Date.parse(today) <= NOTICE_DAYS * DAY_MS;
  return isOver || isNear ? { isOver, date, successor } : undefined;
}
