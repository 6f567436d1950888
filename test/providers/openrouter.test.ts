import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { openrouter } from '../../src/providers/openrouter.ts';
import type { CallIds, ProviderSettings } from '../../src/providers/provider.ts';
import { loadRecordings, recordingsDir } from '../support/recordings.ts';

const ids: CallIds = { callId: 'c', traceId: '', sessionId: '', sourceAgent: '' };

const make = (settings: Partial<ProviderSettings> = {}) =>
  openrouter.create({
    name: 'router',
    baseUrl: new URL('https://openrouter.example/api/v1'),
    headers: {},
    ...settings,
  });

describe('headers', () => {
  it('sign, and name the application', () => {
    const app = { url: 'https://app.example', title: 'App' };
    expect(make({ app }).headers(ids, 'key')).toEqual({
      authorization: 'Bearer key',
      'http-referer': 'https://app.example',
      'x-openrouter-title': 'App',
    });
  });

  it('have only what is known, and let the configured ones win', () => {
    expect(make({ app: { title: 'App' } }).headers(ids, undefined)).toEqual({ 'x-openrouter-title': 'App' });
    expect(make({ headers: { authorization: 'Custom' } }).headers(ids, 'key')).toEqual({ authorization: 'Custom' });
  });
});

describe('fields that say whose the call is', () => {
  const fields = (given: Partial<CallIds>) => make().bodyFields?.({ ...ids, ...given });

  it.each<[Partial<CallIds>, object]>([
    [{}, {}],
    [{ sessionId: 's' }, { session_id: 's' }],
    [{ sessionId: 's'.repeat(200) }, { session_id: 's'.repeat(128) }],
    [{ traceId: 't' }, { trace: { trace_id: 't' } }],
    [{ traceId: 't', sourceAgent: 'planner' }, { trace: { trace_id: 't', generation_name: 'planner' } }],
  ])('%j', (given, expected) => expect(fields(given)).toEqual(expected));

  it.each(['session_id', 'trace', 'prompt_cache_key'])('%s is not for options to set', (field) => {
    const request = create(CompleteRequestSchema, { providerOptions: { router: { [field]: 'x' } } });
    const send = () => make().dialect(request, 'm').toWire(request, { provider: 'router', model: 'm' }, false);
    expect(send).toThrow(`provider_options["router"].${field} is set by the contract`);
  });
});

describe('the listing', () => {
  const read = (...data: unknown[]) => make().listing?.read({ data }).models;

  it('has limits, the date and the price for a million tokens', () => {
    const model = {
      id: 'a/b',
      context_length: 200_000,
      architecture: { output_modalities: ['text'] },
      top_provider: { max_completion_tokens: 8_192 },
      expiration_date: '2027-01-31',
      pricing: {
        prompt: '0.0000003',
        completion: '0.0000011',
        request: '0',
        input_cache_read: '0.00000003',
        input_cache_write: '0.000000375',
      },
    };
    expect(read(model)).toEqual([
      {
        id: 'a/b',
        contextWindowTokens: 200_000,
        maxOutputTokens: 8_192,
        retirementDate: '2027-01-31',
        price: { input: 0.3, output: 1.1, cachedInput: 0.03, cacheWrite: 0.375 },
      },
    ]);
  });

  it.each<[string, unknown, unknown]>([
    ['free of charge', { prompt: '0', completion: '0' }, { input: 0, output: 0 }],
    [
      'a cache price of 0 is none',
      { prompt: '1e-7', completion: '0', input_cache_read: '0' },
      { input: 0.1, output: 0 },
    ],
    ['a price that varies', { prompt: '-1', completion: '-1' }, undefined],
    ['a price per request', { prompt: '0.1', completion: '0.1', request: '0.02' }, undefined],
    ['numbers', { prompt: 1, completion: 1 }, undefined],
    ['blank text', { prompt: ' ', completion: '' }, undefined],
    ['no price', null, undefined],
  ])('%s', (_, pricing, price) => expect(read({ id: 'a', pricing })?.map((model) => model.price)).toEqual([price]));

  it('leaves out what is no model of text', () => {
    expect(read(null, {}, { id: 'x', architecture: { output_modalities: ['image'] } })).toEqual([]);
    expect(make().listing?.read('nothing').models).toEqual([]);
    expect(make().listing?.path).toBe('/models');
  });

  it.skipIf(recordingsDir === undefined)('of the recording is read whole (RECORDINGS_DIR)', () => {
    const [listed] = loadRecordings(({ id }) => id === 'openrouter-models-list-0001');
    const models = make().listing?.read(listed?.response.body).models ?? [];
    expect(models).toHaveLength(61);
    expect(models.find(({ id }) => id === 'openai/gpt-4.1')).toEqual({
      id: 'openai/gpt-4.1',
      contextWindowTokens: 1_047_576,
      maxOutputTokens: 32_768,
      price: { input: 2, output: 8, cachedInput: 0.5 },
    });
  });
});
