import type { AnthropicMessagesQuirks } from '../../dialects/anthropic-messages/quirks.ts';

const LOW_TO_MAX = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** The newest models, which is also what is assumed of those that no rule names. */
const newest: AnthropicMessagesQuirks = {
  defaultMaxTokens: 128_000,
  mostTokens: undefined,
  sampling: 'never',
  efforts: LOW_TO_MAX,
  budget: false,
  withoutThinking: 'always',
  forcedTools: false,
  prefill: false,
  jsonSchema: true,
  systemMessages: true,
};

const limited = (tokens: number) => ({ defaultMaxTokens: tokens, mostTokens: tokens });

/** Those of 2026 that are known: they write as much, and the rest differs. */
const known: AnthropicMessagesQuirks = { ...newest, ...limited(128_000) };

const opus47: AnthropicMessagesQuirks = {
  ...known,
  budget: true,
  withoutThinking: 'disabled',
  forcedTools: true,
  systemMessages: false,
};

const opus46: AnthropicMessagesQuirks = {
  ...opus47,
  sampling: 'one',
  efforts: ['low', 'medium', 'high', 'max'],
};

/** They think with a budget only, and go on with an answer that was begun. */
const four5: AnthropicMessagesQuirks = { ...opus46, ...limited(64_000), efforts: [], prefill: true };

const four1: AnthropicMessagesQuirks = { ...four5, ...limited(32_000), sampling: 'both' };

const four0: AnthropicMessagesQuirks = { ...four1, jsonSchema: false };

const three: AnthropicMessagesQuirks = { ...four0, ...limited(4_096), budget: false };

/**
 * What Anthropic's models take; the first row that fits counts. A version that is followed by a smaller one is not
 * meant: "sonnet-5" is not "sonnet-5-5".
 *
 * Sources, read 2026-11-21: the npm packages @ai-sdk/anthropic 4.0.105 (runtimeRules in dist/index.js),
 * @earendil-works/pi-ai 1.5.2 (dist/providers/data/anthropic.json, for the efforts) and @anthropic-ai/sdk 1.11.0
 * (CHANGELOG.md, for messages of the role system: since Opus 4.8).
 */
const rows: readonly (readonly [RegExp, AnthropicMessagesQuirks])[] = [
  [/sonnet-5-5\b/, { ...known, withoutThinking: 'between_tools' }],
  [/opus-5-5\b|(?:fable|mythos)-5-[12]\b/, known],
  [/haiku-5-5\b/, { ...known, withoutThinking: 'disabled', forcedTools: true }],
  [/(?:fable|mythos)-5(?!-\d{1,2}\b)/, { ...known, forcedTools: true }],
  [/(?:opus|sonnet)-5(?!-\d{1,2}\b)|opus-4-8\b/, { ...opus47, systemMessages: true }],
  [/opus-4-7\b/, opus47],
  [/opus-4-6\b/, opus46],
  [/sonnet-4-6\b/, { ...opus46, prefill: true }],
  [/(?:sonnet|opus|haiku)-4-5\b/, four5],
  [/opus-4-1\b/, four1],
  [/opus-4(?!-[1-9]\d?\b)/, four0],
  [/sonnet-4(?!-[1-9]\d?\b)|claude-3-7-/, { ...four0, ...limited(64_000) }],
  [/claude-3-5-/, { ...three, ...limited(8_192) }],
  [/claude-(?:3|2|instant)\b/, three],
];

/** The rules for a model. */
export const anthropicQuirks = (model: string): AnthropicMessagesQuirks =>
  rows.find(([pattern]) => pattern.test(model))?.[1] ?? newest;
