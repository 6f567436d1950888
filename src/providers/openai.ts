import type { Effort } from '../dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../dialects/openai-chat/quirks.ts';
import { openaiChat } from '../dialects/openai-chat.ts';
import type { ProviderKind } from './provider.ts';

/** OpenAI itself. Source: the npm package openai 7.55.0, client.mjs (2026-11-21). */
export const openai: ProviderKind = {
  kind: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  settings: [],
  apis: [],
  create: ({ name, baseUrl, headers }) => {
    const chat = openaiChat(openaiQuirks);
    return {
      name,
      telemetryName: 'openai',
      baseUrl,
      dialect: () => chat,
      headers: ({ callId }, key) => ({
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        'x-client-request-id': callId,
        ...headers,
      }),
      needsBytes: false,
      requestIdHeader: 'x-request-id',
    };
  },
};

/** A model that does not reason, which is also what is assumed of those that no rule names. */
const plain: OpenAiChatQuirks = {
  useInstead: undefined,
  maxTokensField: 'max_completion_tokens',
  instructions: 'system',
  streamUsage: true,
  obfuscation: true,
  jsonSchema: true,
  efforts: [],
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 4,
  topK: false,
  maxToolCallId: 40,
  replayReasoning: false,
  replayReasoningDetails: false,
};

const reasons = (efforts: readonly Effort[], sampling: 'effort_none' | 'never'): OpenAiChatQuirks => ({
  ...plain,
  instructions: 'developer',
  efforts,
  sampling,
});

const LOW_TO_HIGH = ['low', 'medium', 'high'] as const;
const LOW_TO_XHIGH = [...LOW_TO_HIGH, 'xhigh'] as const;
const LOW_TO_MAX = [...LOW_TO_XHIGH, 'max'] as const;

const responsesOnly: OpenAiChatQuirks = {
  ...plain,
  useInstead: 'it is offered by the Responses API only, so choose another one, such as gpt-6.1-sol',
};

/**
 * What OpenAI's models take by chat completions; the first row that fits counts.
 *
 * Sources, read 2026-11-21: the npm packages openai 7.55.0 (resources/shared.d.ts), @ai-sdk/openai 4.0.118 (the table
 * of abilities in dist/index.js) and @earendil-works/pi-ai 1.5.2 (dist/providers/data/openai.json).
 */
const rows: readonly (readonly [RegExp, OpenAiChatQuirks])[] = [
  [/^gpt-5(?:\.5)?-pro|^o[13]-pro|codex|deep-research/, responsesOnly],
  [/^gpt-[5-9][^/]*-chat/, plain],
  [/^gpt-5\.\d+-pro/, reasons(['medium', 'high', 'xhigh'], 'never')],
  [/^gpt-5\.1/, reasons(['none', ...LOW_TO_HIGH], 'effort_none')],
  [/^gpt-5\.[2-5]/, reasons(['none', ...LOW_TO_XHIGH], 'effort_none')],
  [/^gpt-5\.6/, { ...reasons(['none', ...LOW_TO_MAX], 'effort_none'), toolsWithoutReasoning: true }],
  [/^gpt-5/, reasons(['minimal', ...LOW_TO_HIGH], 'never')],
  [/^gpt-6-(?:sol|luna)|^gpt-6\.1-terra/, reasons(['none', ...LOW_TO_MAX], 'effort_none')],
  [/^gpt-[6-9]/, reasons(LOW_TO_MAX, 'never')],
  [/^o1-(?:mini|preview)/, { ...reasons([], 'never'), instructions: 'system' }],
  [/^o3(?!-mini)|^o4-mini/, { ...reasons(LOW_TO_HIGH, 'never'), maxStops: 0 }],
  [/^o\d/, reasons(LOW_TO_HIGH, 'never')],
];

/** The rules for a model. A fine-tuned one, such as `ft:gpt-4.1:acme::abc`, follows those of the model it is made of. */
export function openaiQuirks(model: string): OpenAiChatQuirks {
  const base = model.replace(/^ft:/, '');
  return rows.find(([pattern]) => pattern.test(base))?.[1] ?? plain;
}
