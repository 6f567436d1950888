/** What an answer may say of the call that it is for. */
export interface CallFacts {
  readonly request_type: string;
  readonly source_agent: string;
  readonly trace_id: string;
  readonly request_id: string;
  /** Why there is no other answer, such as "UPSTREAM_TIMEOUT". */
  readonly reason: string;
}

const PLACEHOLDER = /\{\{(request_type|source_agent|trace_id|request_id|reason)\}\}/g;

/**
 * Puts the facts in for `{{request_type}}` and its like. They are put in once and as they are: what a caller has written
 * is not looked at again.
 */
export const filled = (answer: string, facts: CallFacts): string =>
  answer.replace(PLACEHOLDER, (_, name: keyof CallFacts) => facts[name]);
