import { expect, it } from 'vitest';
import { readBilling, readUsage } from '../../../src/dialects/gemini/usage.ts';

const audio = (tokenCount: unknown) => [
  { modality: 'TEXT', tokenCount: 5 },
  { modality: 'AUDIO', tokenCount },
];

it.each<[string, object | undefined, object | undefined]>([
  ['nothing', undefined, undefined],
  ['no sound', { promptTokensDetails: [{ modality: 'TEXT', tokenCount: 5 }] }, undefined],
  ['sound', { promptTokensDetails: audio(100) }, { audioInputTokens: 100n }],
  ['sound of tools', { promptTokensDetails: audio(1), toolUsePromptTokensDetails: audio(2) }, { audioInputTokens: 3n }],
  ['sound in the cache', { promptTokensDetails: audio(100), cacheTokensDetails: audio(30) }, { audioInputTokens: 70n }],
  ['sound only in the cache', { promptTokensDetails: audio(30), cacheTokensDetails: audio(30) }, undefined],
  ['no counts', { promptTokensDetails: audio('many'), serviceTier: 7 }, undefined],
  ['a class of service', { promptTokensDetails: 'x', serviceTier: 'flex' }, { serviceTier: 'flex' }],
])('the price depends on %s', (_, usage, billing) => {
  expect(readBilling(usage === undefined ? undefined : { ...usage })).toEqual(billing);
});

it.each<[object, readonly bigint[]]>([
  [{ promptTokenCount: 8, candidatesTokenCount: 3, totalTokenCount: 11 }, [8n, 3n, 11n, 0n, 0n]],
  [{ promptTokenCount: 8, thoughtsTokenCount: 4 }, [8n, 4n, 12n, 0n, 4n]],
  [{ promptTokenCount: 8, toolUsePromptTokenCount: 2, cachedContentTokenCount: 6 }, [10n, 0n, 10n, 6n, 0n]],
  [{ promptTokenCount: -1, candidatesTokenCount: 1.5, totalTokenCount: 'x' }, [0n, 0n, 0n, 0n, 0n]],
])('%j counts', (wire, expected) => {
  const usage = readUsage({ ...wire });
  expect([
    usage?.inputTokens,
    usage?.outputTokens,
    usage?.totalTokens,
    usage?.cachedInputTokens,
    usage?.reasoningTokens,
  ]).toEqual(expected);
});
