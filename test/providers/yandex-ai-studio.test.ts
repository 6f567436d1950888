import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { ProviderSettings } from '../../src/providers/provider.ts';
import { modelNames } from '../../src/providers/yandex-ai-studio/model-names.ts';
import { yandexAiStudio } from '../../src/providers/yandex-ai-studio.ts';
import { loadRecordings, recordingsDir } from '../support/recordings.ts';

const ids = { callId: '0b5f5d64-0000-4000-8000-000000000000', traceId: 't', sessionId: 's', sourceAgent: 'a' };

const make = (settings: Partial<ProviderSettings> = {}) =>
  yandexAiStudio.create({
    name: 'studio',
    baseUrl: new URL(yandexAiStudio.baseUrl ?? ''),
    headers: {},
    folderId: 'b1g1',
    ...settings,
  });

const request = create(CompleteRequestSchema);

describe('model names', () => {
  const names = modelNames('b1g1');

  it.each([
    ['yandexgpt', 'gpt://b1g1/yandexgpt/latest'],
    ['yandexgpt/rc', 'gpt://b1g1/yandexgpt/rc'],
    ['yandexgpt/latest@tamr1', 'gpt://b1g1/yandexgpt/latest@tamr1'],
  ])('%s is %s on the wire and short again after', (model, uri) => {
    expect(names.uri(model)).toBe(uri);
    expect(names.short(uri)).toBe(model);
  });

  it.each([
    ['gpt://b1g1/yandexgpt', 'yandexgpt'],
    ['gpt://gemma-3-27b-it/latest', 'gemma-3-27b-it'],
    ['gpt://gemma-3-27b-it', 'gemma-3-27b-it'],
    ['gpt://other/yandexgpt/latest', 'gpt://other/yandexgpt/latest'],
    ['yandexgpt', 'yandexgpt'],
    ['', ''],
  ])('%s is reported as %s', (uri, short) => expect(names.short(uri)).toBe(short));

  it('with a scheme stay as they are', () => {
    for (const uri of ['gpt://other/m/rc', 'ds://b1g1/x']) expect(names.uri(uri)).toBe(uri);
  });
});

describe('headers', () => {
  const always = { 'x-client-request-id': ids.callId, 'x-data-logging-enabled': 'false' };

  it.each<[string, ProviderSettings['api'], string | undefined, object]>([
    ['chat, API key', 'chat', 'AQVN-test', { authorization: 'Bearer AQVN-test', 'openai-project': 'b1g1' }],
    ['chat, IAM token', undefined, 't1.test', { authorization: 'Bearer t1.test', 'openai-project': 'b1g1' }],
    ['chat, no key', 'chat', undefined, { 'openai-project': 'b1g1' }],
    ['native, API key', 'native', 'AQVN-test', { authorization: 'Api-Key AQVN-test' }],
    ['native, IAM token', 'native', 't1.test', { authorization: 'Bearer t1.test', 'x-folder-id': 'b1g1' }],
    ['native, no key', 'native', undefined, {}],
  ])('%s', (_, api, key, expected) => expect(make({ api }).headers(ids, key)).toEqual({ ...expected, ...always }));

  it.each(['chat', 'native'] as const)('let the provider keep prompts only if told so: %s', (api) => {
    expect(make({ api, dataLogging: true }).headers(ids, 'k')).not.toHaveProperty('x-data-logging-enabled');
    const headers = { 'x-data-logging-enabled': 'true', authorization: 'Custom' };
    expect(make({ api, headers }).headers(ids, 'k')).toMatchObject(headers);
  });
});

describe('the interface', () => {
  it.each<[ProviderSettings['api'], string, string, string]>([
    [undefined, yandexAiStudio.baseUrl ?? '', 'openai-chat', 'https://ai.api.cloud.yandex.net/v1'],
    ['chat', 'https://proxy.example/v1', 'openai-chat', 'https://proxy.example/v1'],
    [
      'native',
      yandexAiStudio.baseUrl ?? '',
      'yandex-foundation',
      'https://llm.api.cloud.yandex.net/foundationModels/v1',
    ],
    ['native', 'https://proxy.example/v1', 'yandex-foundation', 'https://proxy.example/v1'],
  ])('%s at %s', (api, baseUrl, dialect, address) => {
    const provider = make({ api, baseUrl: new URL(baseUrl) });
    expect([provider.dialect(request, 'm').name, provider.baseUrl.href]).toEqual([dialect, address]);
    expect([provider.name, provider.telemetryName, provider.requestIdHeader]).toEqual([
      'studio',
      'yandex_ai_studio',
      'x-request-id',
    ]);
  });

  it('has the gateway fetch images for chat, and takes none natively', () => {
    expect([make().wantsBytes?.('https://example.com/a.png'), make({ api: 'native' }).wantsBytes]).toEqual([
      true,
      undefined,
    ]);
  });

  it.each([undefined, ''])('needs a folder: %j', (folderId) => {
    expect(() => make({ folderId })).toThrow('needs a folderId');
  });
});

describe('the listing', () => {
  it('has the models that generate text, by their short names, once', () => {
    const uris = ['gpt://b1g1/yandexgpt/latest', 'gpt://yandexgpt/latest', 'emb://b1g1/text/latest', 'gpt://b1g1/a/rc'];
    const page = make().listing?.read({ data: [...uris.map((id) => ({ id })), null, {}] });
    expect(page).toEqual({ models: [{ id: 'yandexgpt' }, { id: 'a/rc' }], next: undefined });
    expect(make().listing?.read(null).models).toEqual([]);
    expect(make().listing?.path).toBe('/models');
    expect(make({ api: 'native' }).listing).toBeUndefined();
  });

  it.skipIf(recordingsDir === undefined)('of the recording is read whole (RECORDINGS_DIR)', () => {
    const [listed] = loadRecordings(({ id }) => id === 'yandex-models-list-0002');
    const page = make({ folderId: 'b1g00000000000000000' }).listing?.read(listed?.response.body);
    expect(page?.models.map(({ id }) => id)).toEqual([
      'aliceai-llm',
      'gpt-oss-120b',
      'gpt-oss-20b',
      'gemma-3-27b-it',
      'qwen3-235b-a22b-fp8',
      'yandexgpt-lite',
      'yandexgpt-lite/rc',
      'yandexgpt',
      'yandexgpt/rc',
    ]);
  });
});
