import { createHash, createHmac } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { type CompleteRequest, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { ContextAction, Escalation } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { canonical, fieldsThatAre, partOf, questionFields, type RequestFields } from './request-part.ts';

/** What of a request is in the key: all that can change the answer. */
export const keyFields: RequestFields = {
  ...questionFields,
  // They say where a call goes: the model that it goes to is in the key itself.
  model: 'no',
  tier: 'no',
  complexity: 'no',
  preferredProviders: 'no',
  fallbackModels: 'no',
  requestType: 'no',
  // They say whose call it is, and how it is treated.
  context: 'no',
  labels: 'no',
  priority: 'no',
  idempotencyKey: 'no',
  onBrokenStream: 'no',
  cache: 'no',
  // The provider's own cache changes the cost of an answer, and nothing in it.
  promptCacheKey: 'no',
};

const answerFields = fieldsThatAre(keyFields, 'yes');

/** What an answer is found by. */
export interface Asked {
  /** As `tenantOf` gives it. */
  readonly tenant: string;
  /** The first target of the call. */
  readonly target: Target;
  /** Where the provider is: the models of another place are other models. */
  readonly place: string;
  /** What makes another model answer if the first answer is not good enough. */
  readonly escalation: Escalation | undefined;
  /** What is done if the request does not fit into the model's context. Undefined: nothing. */
  readonly context?: readonly ContextAction[];
  readonly request: CompleteRequest;
}

/** Raised when what is hashed changes, so that old answers are not found any more. */
const VERSION = 1;

/**
 * Makes the function that gives the key of a call: 43 characters. Two calls have the same key only if they come from the
 * same tenant, go to the same model and ask the same. With a secret, nobody without it can tell what a key stands for.
 */
export const cacheKeys =
  (secret: string | undefined): ((asked: Asked) => string) =>
  ({ tenant, target, place, escalation, context = [], request }) => {
    const { provider, model } = target;
    const judged = escalation ? [escalation.on, escalation.to.map((to) => [to.provider, to.model])] : [];
    const fitted = context.length > 0 ? [context] : [];
    const options = canonical(request.providerOptions);
    const hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
    hash.update(JSON.stringify([VERSION, tenant, provider, model, place, judged, options, ...fitted]));
    hash.update(toBinary(CompleteRequestSchema, partOf(request, answerFields), { writeUnknownFields: false }));
    return hash.digest('base64url');
  };
