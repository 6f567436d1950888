// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { noCache } from '../../src/cache/settings.ts';
import { loadConfig } from '../../src/config/load.ts';

const SECRET = 'a-secret-of-the-cache-0001';

const load = (file: string, env: Record<string, string> = {}) =>
  loadConfig({ ...env, ANTIPHON_CONFIG: 'test.yaml' }, () => Buffer.from(file));

describe('cache', () => {
  it('is off, with the bounds that the code has too', () => {
    expect(load('').cache).toEqual(noCache);
  });

  it('has all that is set', () => {
    const file = `
cache:
  enabled: true
  max_bytes: 2048
  max_entries: 3
  max_answer_bytes: 1024
  ttl_ms: 4
  max_temperature: 1.5
  request_types: { summary: 5 }
  single_flight: false
  shared_wait_ms: 0
  warm_up: answers.jsonl
`;
    expect(load(file).cache).toEqual({
      enabled: true,
      maxBytes: 2_048,
      maxEntries: 3,
      maxAnswerBytes: 1_024,
      ttlMs: 4,
      maxTemperature: 1.5,
      requestTypes: new Map([['summary', 5]]),
      singleFlight: false,
      sharedWaitMs: 0,
      secret: undefined,
      warmUp: 'answers.jsonl',
    });
  });

  it.each([
    ['by its variable', '', { ANTIPHON_CACHE_SECRET: SECRET }],
    ['by reference', 'cache: { secret: "${MINE}" }', { MINE: SECRET }],
  ])('has a secret %s, which never leaves', (_, file, env) => {
    const { cache, secrets } = load(file, env);
    expect(cache.secret).toBe(SECRET);
    expect(secrets).toContain(SECRET);
  });

  it.each([
    [`cache: { secret: ${SECRET} }`, 'cache.secret'],
    ['cache: { max_temperature: 2.1 }', 'cache.max_temperature'],
    ['cache: { ttl_ms: 86400001 }', 'cache.ttl_ms'],
    ['cache: { request_types: { Summary: 5 } }', 'cache.request_types'],
  ])('refuses %s', (file, place) => {
    expect(() => load(file)).toThrow(place);
    expect(() => load(file)).not.toThrow(SECRET);
  });
});
