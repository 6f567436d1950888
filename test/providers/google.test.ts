import { describe, expect, it } from 'vitest';
import { geminiQuirks, google } from '../../src/providers/google.ts';

const ids = { callId: 'c1', traceId: 't', sessionId: '', sourceAgent: '' };
const provider = google.create({
  name: 'mine',
  baseUrl: new URL('https://api.example.com/v1beta'),
  headers: { 'x-team': 't' },
});

describe('the provider', () => {
  it('signs by a header, with a key only', () => {
    expect(provider.headers(ids, 'sk-test-1')).toEqual({ 'x-goog-api-key': 'sk-test-1', 'x-team': 't' });
    expect(provider.headers(ids, undefined)).toStrictEqual({ 'x-team': 't' });
  });

  it('is known by its names, and wants bytes', () => {
    expect([provider.name, provider.telemetryName, provider.wantsBytes?.('https://example.com/a.png')]).toEqual([
      'mine',
      'gcp.gemini',
      true,
    ]);
    expect([google.kind, google.baseUrl, google.needsKey]).toEqual([
      'google',
      'https://generativelanguage.googleapis.com/v1beta',
      true,
    ]);
  });
});

describe('the rules by model', () => {
  /** Thinking, JSON, then a letter for each: takes instructions, wants signed calls, takes media in results. */
  const rules = (model: string) => {
    const { thinking, json, ...may } = geminiQuirks(model);
    const amount =
      thinking?.by === 'level' ? thinking.levels.join(' ') : thinking && `${thinking.least}-${thinking.most}`;
    const letters = [may.systemInstruction && 'i', may.signedCalls && 's', may.resultMedia && 'm'].filter(Boolean);
    const off = thinking?.by === 'budget' && thinking.canBeOff ? ' off' : '';
    return `${amount ?? 'none'}${off}, ${json}, ${letters.join('')}`;
  };

  it.each([
    ['gemini-1.5-flash', 'none, without_tools, i'],
    ['gemini-2.0-flash-exp', 'none, without_tools, i'],
    ['gemini-2.5-flash', '1-24576 off, without_tools, i'],
    ['gemini-2.5-flash-preview-09-2025', '1-24576 off, without_tools, i'],
    ['gemini-2.5-flash-lite', '512-24576 off, without_tools, i'],
    ['gemini-2.5-pro', '128-32768, without_tools, i'],
    ['gemini-2.5-flash-image', 'none, never, i'],
    ['gemini-2.5-pro-preview-tts', 'none, never, i'],
    ['gemini-3-flash-preview', 'minimal low medium high, always, ism'],
    ['gemini-3-pro-preview', 'low high, always, ism'],
    ['gemini-3.1-pro-preview', 'low medium high, always, ism'],
    ['gemini-3.1-flash-lite', 'minimal low medium high, always, ism'],
    ['gemini-3.5-flash', 'minimal low medium high, always, ism'],
    ['gemini-3.6-flash', 'minimal low medium high, always, ism'],
    ['gemini-3.7-flash', 'low medium high, always, ism'],
    ['gemini-3.8-flash', 'low medium high, always, ism'],
    ['gemini-3.9-flash-lite', 'minimal low medium high, always, ism'],
    ['gemini-4-argon', 'low medium high, always, ism'],
    ['gemini-4-hydrogen', 'low medium high xhigh, always, ism'],
    ['gemini-flash-latest', 'low medium high, always, ism'],
    ['gemini-flash-lite-latest', 'minimal low medium high, always, ism'],
    ['gemini-pro-latest', 'low medium high, always, ism'],
    ['gemma-3-27b-it', 'none, never, '],
    ['gemma-4-31b-it', 'minimal high, never, '],
    ['some-new-thing', 'low medium high, always, ism'],
  ])('%s: %s', (model, expected) => {
    expect(rules(model)).toBe(expected);
  });
});

describe('the listing', () => {
  const read = (body: unknown) => provider.listing?.read(body);

  it('has the models that can be called, and the way to the next page', () => {
    const body = {
      models: [
        {
          name: 'models/gemini-2.5-flash',
          inputTokenLimit: 1048576,
          outputTokenLimit: 65536,
          supportedGenerationMethods: ['generateContent', 'countTokens'],
        },
        { name: 'models/embedding', inputTokenLimit: 2048, supportedGenerationMethods: ['embedContent'] },
        { name: 'tunedModels/x', supportedGenerationMethods: ['generateContent'], outputTokenLimit: -1 },
      ],
      nextPageToken: 'a+b/c&d',
    };
    expect(provider.listing?.path).toBe('/models?pageSize=1000');
    expect(read(body)).toEqual({
      models: [{ id: 'gemini-2.5-flash', maxInputTokens: 1048576, maxOutputTokens: 65536 }, { id: 'tunedModels/x' }],
      next: '/models?pageSize=1000&pageToken=a%2Bb%2Fc%26d',
    });
  });

  it.each([null, [], 'x', {}, { models: {} }, { models: [null, 7, {}, { name: 7 }] }])('is empty for %j', (body) => {
    expect(read(body)).toEqual({ models: [], next: undefined });
  });
});
