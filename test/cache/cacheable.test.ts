import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  CacheMode,
  type CompleteResponse,
  CompleteResponseSchema,
  FinishReason,
  WarningCode,
  type WarningSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { type CacheUse, cacheUse, isWorthKeeping } from '../../src/cache/cacheable.ts';
import { noCache } from '../../src/cache/settings.ts';
import { type RequestInit, requestOf } from '../support/requests.ts';

const TARGET = { provider: 'p', model: 'm' };
const settings = { ...noCache, enabled: true };
const mode = (value: CacheMode): RequestInit => ({ cache: { mode: value } });

describe('what a call does with the cache', () => {
  it.each<[string, RequestInit, CacheUse]>([
    ['without a temperature', {}, 'bypass'],
    ['without randomness', { temperature: 0 }, 'read_write'],
    ['with randomness', { temperature: 0.01 }, 'bypass'],
    ['with randomness, DEFAULT', { temperature: 2, ...mode(CacheMode.DEFAULT) }, 'read_write'],
    ['with randomness, UNSPECIFIED', { temperature: 2, ...mode(CacheMode.UNSPECIFIED) }, 'bypass'],
    ['BYPASS', { temperature: 0, ...mode(CacheMode.BYPASS) }, 'bypass'],
    ['REFRESH', mode(CacheMode.REFRESH), 'write'],
    ['ONLY', mode(CacheMode.ONLY), 'read'],
    ['a ttl alone', { cache: { ttl: { seconds: 60n } } }, 'bypass'],
    ['tools of the provider', { temperature: 0, providerOptions: { p: { web_search_options: {} } } }, 'bypass'],
    [
      'tools of the provider, DEFAULT',
      { ...mode(CacheMode.DEFAULT), providerOptions: { p: { mcp_servers: [] } } },
      'bypass',
    ],
    ['tools of another provider', { temperature: 0, providerOptions: { q: { plugins: [] } } }, 'read_write'],
    ['other options', { temperature: 0, providerOptions: { p: { service_tier: 'flex' } } }, 'read_write'],
  ])('%s', (_, init, use) => {
    expect(cacheUse(requestOf(init), TARGET, settings)).toBe(use);
  });

  it('follows the bound of the configuration, for which none is as much as there can be', () => {
    const uses = (maxTemperature: number) =>
      [undefined, 0, 1, 2].map((temperature) => {
        const request = requestOf(temperature === undefined ? {} : { temperature });
        return cacheUse(request, TARGET, { ...settings, maxTemperature }) === 'read_write';
      });
    expect(uses(1)).toEqual([false, true, true, false]);
    expect(uses(2)).toEqual([true, true, true, true]);
  });
});

describe('an answer that is worth keeping', () => {
  const answer = (init: MessageInitShape<typeof CompleteResponseSchema> = {}): CompleteResponse =>
    create(CompleteResponseSchema, {
      content: [{ part: { case: 'text', value: 'x' } }],
      finishReason: FinishReason.STOP,
      ...init,
    } as MessageInitShape<typeof CompleteResponseSchema>);
  const keeps = (
    response: CompleteResponse,
    warnings: MessageInitShape<typeof WarningSchema>[] = [],
    target = TARGET,
  ) => isWorthKeeping(response, { target, warnings: create(CompleteResponseSchema, { warnings }).warnings }, TARGET);

  it.each(Object.values(FinishReason).filter((each): each is FinishReason => typeof each === 'number'))(
    'has ended well (finish reason %i)',
    (finishReason) => {
      const isWhole = finishReason === FinishReason.STOP || finishReason === FinishReason.TOOL_CALLS;
      expect(keeps(answer({ finishReason }))).toBe(isWhole);
    },
  );

  it.each(Object.values(WarningCode).filter((each): each is WarningCode => typeof each === 'number'))(
    'has no flaw (warning %i)',
    (code) => {
      const flaws = [WarningCode.SCHEMA_MISMATCH, WarningCode.FALLBACK_ANSWER, WarningCode.CONTENT_OMITTED];
      expect(keeps(answer(), [{ code }])).toBe(!flaws.includes(code));
    },
  );

  it('says something, and does not refuse', () => {
    expect(keeps(answer({ content: [] }))).toBe(false);
    expect(keeps(answer({ content: [{ part: { case: 'refusal', value: 'no' } }] }))).toBe(false);
  });

  it('is of the model that was asked for, at whatever provider', () => {
    expect(keeps(answer(), [], { provider: 'q', model: 'm' })).toBe(true);
    expect(keeps(answer(), [], { provider: 'p', model: 'n' })).toBe(false);
  });
});
