import { addWarnings, type Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Tell } from '../core/news.ts';
import type { Target } from '../core/target.ts';
import { adjusted, dropped } from '../core/warnings.ts';
import { type ContextLimits, type FitSettings, type Fitted, fitted } from '../thrift/fit.ts';

export interface FitParts {
  readonly settings: FitSettings;
  /** What a model takes. Undefined: nothing is known of it. */
  readonly limitsOf: (target: Target) => ContextLimits | undefined;
  readonly tell: Tell;
}

/**
 * Makes a request fit into the context of its target, as the rule of the call says. It stands outermost around a provider:
 * what is refused here holds nothing, and nothing is fetched or paid for what is left out. Each target gets the whole
 * request anew.
 *
 * Errors: `context_length_exceeded`; then another target is tried.
 */
export const fitContext =
  (parts: FitParts): Layer =>
  (next) => {
    const fitting = async (call: Call, target: Target, limits: ContextLimits) => {
      const { policy, request } = call;
      const made = fitted(request, policy.context, limits, parts.settings);
      if (!made.fits) {
        parts.tell({ type: 'context_rejected', provider: target.provider });
        throw tooLong(target, limits);
      }
      if (made.request === request) return next(call);
      note(call, target, made, parts.tell);
      return next({ ...call, request: made.request });
    };
    return (call) => {
      const { target, policy } = call;
      const limits = target && policy.context.length > 0 ? parts.limitsOf(target) : undefined;
      return target && limits ? fitting(call, target, limits) : next(call);
    };
  };

function note({ trail, request: { maxTokens } }: Call, { provider }: Target, made: Fitted, tell: Tell): void {
  const { leftOut, isClamped, request } = made;
  trail.messagesLeftOut = leftOut;
  if (leftOut > 0) {
    addWarnings(trail, [dropped('messages', leftOutText(leftOut))]);
    tell({ type: 'context_trimmed', provider, messages: leftOut });
  }
  if (!isClamped) return;
  const message = `max_tokens was lowered from ${maxTokens} to ${request.maxTokens}: the model has room for no more.`;
  addWarnings(trail, [adjusted('max_tokens', message)]);
  tell({ type: 'context_clamped', provider });
}

const leftOutText = (leftOut: number): string =>
  `The oldest messages were left out, ${leftOut} in all, to fit into the model's context. Other warnings count those that were sent.`;

function tooLong(target: Target, { contextWindowTokens, maxInputTokens }: ContextLimits): GatewayError {
  const takes = contextWindowTokens ?? maxInputTokens;
  return new GatewayError(
    'context_length_exceeded',
    `By estimate the request does not fit into the model's context of ${takes} tokens. Send less, lower max_tokens, or use a model that takes more.`,
    { target },
  );
}
