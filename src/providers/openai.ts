import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { routedByKey } from '../core/prompt-caching.ts';
import { askedEffort } from '../dialects/grammar/efforts.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import { openaiResponses } from '../dialects/openai-responses.ts';
import { readListing } from './openai/listing.ts';
import { type ModelRules, modelRules } from './openai/models.ts';
import { chatQuirks, responsesQuirks } from './openai/quirks.ts';
import type { Api, ProviderKind } from './provider.ts';

/** OpenAI itself. Source: the npm package openai 7.55.0, client.mjs (2026-11-21). */
export const openai: ProviderKind = {
  kind: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  settings: ['api'],
  apis: ['chat', 'responses'],
  create: ({ name, baseUrl, headers, api }) => {
    const chat = openaiChat((model) => chatQuirks(modelRules(model)));
    const responses = openaiResponses((model) => responsesQuirks(modelRules(model)));
    return {
      name,
      telemetryName: 'openai',
      baseUrl,
      dialect: (request, model) =>
        (api ?? suitableApi(request, modelRules(model))) === 'responses' ? responses : chat,
      headers: ({ callId }, key) => ({
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        'x-client-request-id': callId,
        ...headers,
      }),
      promptCaching: () => routedByKey,
      requestIdHeader: 'x-request-id',
      listing: { path: '/models', read: readListing },
    };
  },
};

/** Chat completions, unless the model is not there, or would have to do without its reasoning. */
function suitableApi({ tools, reasoning }: CompleteRequest, rules: ModelRules): Api {
  const wouldNotReason = rules.toolsWithoutReasoning && tools.length > 0 && askedEffort(reasoning) !== 'none';
  return rules.responsesOnly || wouldNotReason ? 'responses' : 'chat';
}
