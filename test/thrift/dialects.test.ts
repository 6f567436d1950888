import { create, type JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { findModel } from '../../src/catalogue/catalogue.ts';
import { isKeepingCheaper } from '../../src/catalogue/price.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { PromptHints } from '../../src/thrift/prompt-hints.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { called, gave, said } from './conversations.ts';

const LONG = 'These are the rules of the house. '.repeat(600);

const requestOf = (isAgent: boolean) =>
  create(CompleteRequestSchema, {
    messages: [
      said(Role.SYSTEM, LONG),
      said(Role.USER, 'One?'),
      called('a'),
      gave(20, 'a'),
      ...(isAgent ? [] : [said(Role.USER, 'And two?')]),
    ],
    tools: [{ name: 'look_up', parameters: '{"type":"object"}' }],
  });

/** Where in a body something with this name stands, as paths. */
function placesOf(name: string, value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === name) return [path];
    return placesOf(name, inner, `${path}/${key}`);
  });
}

function providerOf(kind: string): Provider {
  const settings = { name: kind, baseUrl: new URL('https://example.com/v1'), headers: {}, folderId: 'folder' };
  const provider = providerKinds.get(kind)?.create(settings);
  if (!provider) throw new Error('unknown kind');
  return provider;
}

/** The bodies of the same request sent twice, with hints for both. */
function bodiesOf(kind: string, model: string, isAgent = false): JsonObject[] {
  const provider = providerOf(kind);
  const hints = new PromptHints({ maxPrefixes: 100, secret: 'secret' }, fakeClock());
  const target = { provider: kind, model };
  return [1, 2].map(() => {
    const caching = provider.promptCaching?.(model);
    const isCheaper = kind === 'openrouter' || isKeepingCheaper(findModel(kind, model)?.price);
    const place = { tenant: 'team:a', target, caching: caching ?? { marks: undefined, key: undefined }, isCheaper };
    const request = caching ? hints.hinted(requestOf(isAgent), place) : requestOf(isAgent);
    const wire = provider.dialect(request, model).toWire(request, target, false);
    expect(wire.warnings.filter(({ field }) => /prompt_cache/.test(field))).toEqual([]);
    return wire.body;
  });
}

describe('what providers are told of a prompt that comes twice', () => {
  it.each<[string, string, readonly string[], boolean]>([
    ['anthropic', 'claude-sonnet-5-5', ['/system/0', '/messages/2/content/1'], false],
    ['anthropic', 'claude-haiku-4-5', ['/system/0', '/messages/2/content/1'], false],
    ['openrouter', 'anthropic/claude-sonnet-5-5', ['/messages/0/content/0', '/messages/4/content/0'], true],
    ['openrouter', 'openai/gpt-6-luna', [], true],
    ['openai', 'gpt-6-luna', [], true],
    ['openai', 'gpt-4.1', [], true],
    ['azure', 'mine', [], true],
    ['fireworks', 'any', [], true],
    ['mistral', 'mistral-large-latest', [], true],
    ['google', 'gemini-3.6-flash', [], false],
    ['deepseek', 'deepseek-chat', [], false],
    ['groq', 'any', [], false],
    ['openai_compatible', 'any', [], false],
    ['yandex_ai_studio', 'yandexgpt', [], false],
  ])('%s, %s: marks at %j, a key: %s', (kind, model, places, hasKey) => {
    const [first, second] = bodiesOf(kind, model);
    expect(placesOf('cache_control', first)).toEqual([]);
    expect(placesOf('cache_control', second)).toEqual(places);
    expect(placesOf('prompt_cache_breakpoint', second)).toEqual([]);
    expect(typeof first?.prompt_cache_key).toBe(hasKey ? 'string' : 'undefined');
    expect(second?.prompt_cache_key).toBe(first?.prompt_cache_key);
  });

  it.each([
    ['anthropic', 'claude-sonnet-5-5', ['/system/0', '/messages/2/content/0']],
    ['openrouter', 'anthropic/claude-sonnet-5-5', ['/messages/0/content/0', '/messages/3/content/0']],
  ])('%s, %s: marks at %j where it ends with what a tool gave', (kind, model, places) => {
    expect(placesOf('cache_control', bodiesOf(kind, model, true)[1])).toEqual(places);
  });

  it.each([...providerKinds.keys()])('%s is given a key if, and only if, its requests carry one', (kind) => {
    const provider = providerOf(kind);
    const [model, promptCacheKey] = ['any', 'k'];
    const request = create(CompleteRequestSchema, { messages: [said(Role.USER, 'Hi.')], promptCacheKey });
    const { body } = provider.dialect(request, model).toWire(request, { provider: kind, model }, false);
    expect(provider.promptCaching?.(model)?.key !== undefined).toBe(body.prompt_cache_key === 'k');
  });
});
