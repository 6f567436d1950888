import { GatewayError } from '../core/errors.ts';
import type { Limit, Subject } from '../core/limits.ts';
import type { Target } from '../core/target.ts';

const NANO = 1_000_000_000;

/** What is told of an account that has no room for `wanted`. `waitMs` undefined: to wait does not help. */
export function refusal(subject: Subject, limit: Limit, wanted: number, waitMs: number | undefined): GatewayError {
  const kind = limit.window === 'minute' ? 'rate_limited' : 'budget_exceeded';
  const whose = subjectText(subject);
  const most = limitText(subject, limit);
  const quota = [{ subject: whose, description: sentence(most) }];
  if (waitMs !== undefined) {
    const used = `What ${whose} may use is used up (${most}).`;
    return new GatewayError(kind, `${used} Wait, or ask the operator for more.`, { quota, retryAfterMs: waitMs });
  }
  const needs = `The call may use ${figure(limit, wanted)} ${nounOf(limit)}, more than ${whose} ever may (${most}).`;
  return new GatewayError(kind, `${needs} Ask for less, with a lower max_tokens or a shorter prompt.`, { quota });
}

/** What is told where money is limited and what a call may cost is not known. */
export const unpricedRefusal = ({ provider, model }: Target): GatewayError =>
  new GatewayError(
    'budget_exceeded',
    `The model ${provider}/${model} has no known price, so that a budget cannot be kept. Choose another one, or ask the operator for its price.`,
    { target: { provider, model } },
  );

/** How much others may use is nobody's business. */
function limitText({ kind }: Subject, limit: Limit): string {
  const what = `${nounOf(limit)} within ${limit.window === 'hour' ? 'an' : 'a'} ${limit.window}`;
  return kind === 'all' || kind === 'model' ? `a limit of ${what}` : `at most ${figure(limit, limit.amount)} ${what}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const figure = ({ unit }: Limit, amount: number): string =>
  unit === 'nano_usd' ? String(amount / NANO) : String(amount);

const nounOf = ({ unit }: Limit): string => (unit === 'nano_usd' ? 'dollars' : unit);

const subjectText = ({ kind, name }: Subject): string =>
  kind === 'all' ? 'all callers together' : `the ${kind} ${name}`;
