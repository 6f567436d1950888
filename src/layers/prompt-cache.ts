import { tenantOf } from '../cache/tenant.ts';
import type { Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import type { PromptCaching } from '../core/prompt-caching.ts';
import type { Target } from '../core/target.ts';
import type { PromptHints } from '../thrift/prompt-hints.ts';

export interface PromptCacheParts {
  readonly hints: Pick<PromptHints, 'hinted'>;
  /** How the provider keeps prompts for a model. Undefined: it does not, or needs no telling. */
  readonly cachingOf: ((model: string) => PromptCaching | undefined) | undefined;
  /** Whether keeping a prompt costs less than it saves if it is read but once. */
  readonly isCheaper: (target: Target) => boolean;
}

/**
 * Tells the provider what to keep in its prompt cache, if the rule of the call says so. It stands below what may leave out
 * messages, since a prompt that begins otherwise is another one, and above all that repeats: a second try is no sign that a
 * prompt comes again.
 */
export const promptCache =
  ({ hints, cachingOf, isCheaper }: PromptCacheParts): Layer =>
  (next) => {
    const hinting = async (call: Call, target: Target, caching: PromptCaching) => {
      const place = { tenant: tenantOf(call.caller), target, caching, isCheaper: isCheaper(target) };
      const request = hints.hinted(call.request, place);
      return next(request === call.request ? call : { ...call, request });
    };
    return (call) => {
      const { target, policy } = call;
      const caching = target && policy.promptCache === 'auto' ? cachingOf?.(target.model) : undefined;
      return target && caching ? hinting(call, target, caching) : next(call);
    };
  };
