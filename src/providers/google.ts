import { readsUrl } from '../dialects/gemini/parts.ts';
import type { GeminiQuirks } from '../dialects/gemini/quirks.ts';
import { gemini } from '../dialects/gemini.ts';
import type { Effort } from '../dialects/grammar/efforts.ts';
import { listing } from './google/listing.ts';
import type { ProviderKind } from './provider.ts';

/** The Gemini Developer API. Source: the npm package @google/genai 3.1.0, dist/node/index.mjs (2026-11-21). */
export const google: ProviderKind = {
  kind: 'google',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  needsKey: true,
  settings: [],
  apis: [],
  variables: { keys: ['GOOGLE_API_KEY', 'GEMINI_API_KEY'] },
  create: ({ name, baseUrl, headers }) => {
    const dialect = gemini(geminiQuirks);
    return {
      name,
      telemetryName: 'gcp.gemini',
      baseUrl,
      dialect: () => dialect,
      // Not in the address, where it would be written into logs.
      headers: (_, key) => ({ ...(key === undefined ? {} : { 'x-goog-api-key': key }), ...headers }),
      wantsBytes: (url) => !readsUrl(url),
      requestIdHeader: 'x-request-id',
      listing,
    };
  },
};

const byLevel = (...levels: readonly Effort[]): GeminiQuirks['thinking'] => ({ by: 'level', levels });
const byBudget = (least: number, most: number, canBeOff: boolean): GeminiQuirks['thinking'] => ({
  by: 'budget',
  least,
  most,
  canBeOff,
});

/** Gemini from 3 on, which is also what is assumed of a model that no rule names. */
const plain: GeminiQuirks = {
  thinking: byLevel('low', 'medium', 'high'),
  systemInstruction: true,
  json: 'always',
  signedCalls: true,
  resultMedia: true,
};

const upTo2: GeminiQuirks = {
  ...plain,
  thinking: undefined,
  json: 'without_tools',
  signedCalls: false,
  resultMedia: false,
};

const gemma: GeminiQuirks = { ...upTo2, systemInstruction: false, json: 'never' };

/**
 * What the models differ in; the first row that fits counts.
 *
 * Sources, read 2026-11-21: the npm packages @ai-sdk/google 4.0.121 (dist/index.js) and @earendil-works/pi-ai 1.5.2
 * (dist/api/google-generative-ai.js, dist/providers/data/google.json). That a model for pictures takes no JSON was seen
 * in its answers. Not verified: the least budget of flash-lite, the levels of Gemma 4, and that Gemma takes no JSON.
 */
const rows: readonly (readonly [RegExp, GeminiQuirks])[] = [
  [/^gemma-4/, { ...gemma, thinking: byLevel('minimal', 'high') }],
  [/^gemma/, gemma],
  [/^gemini-2\.\d[^/]*-(?:image|tts)/, { ...upTo2, json: 'never' }],
  [/^gemini-2\.5-pro/, { ...upTo2, thinking: byBudget(128, 32_768, false) }],
  [/^gemini-2\.5-flash-lite/, { ...upTo2, thinking: byBudget(512, 24_576, true) }],
  [/^gemini-2\.5/, { ...upTo2, thinking: byBudget(1, 24_576, true) }],
  [/^gemini-(?:1\.|2\.)/, upTo2],
  [/^gemini-3-pro/, { ...plain, thinking: byLevel('low', 'high') }],
  [
    /^gemini-3(?:\.[0-6])?-flash|^gemini-[^/]*flash-lite/,
    { ...plain, thinking: byLevel('minimal', 'low', 'medium', 'high') },
  ],
  [/^gemini-4-hydrogen/, { ...plain, thinking: byLevel('low', 'medium', 'high', 'xhigh') }],
];

export const geminiQuirks = (model: string): GeminiQuirks =>
  rows.find(([pattern]) => pattern.test(model))?.[1] ?? plain;
