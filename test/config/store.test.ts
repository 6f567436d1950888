import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/core/redact.ts';
import { load, problemsOf } from './loading.ts';

const redisOf = (url: string, file = '') => load({ REDIS_URL: url }, file).store.redis;
const node = (host: string, port = 6379) => ({ host, port });

describe('the address of Redis', () => {
  it.each<[string, object]>([
    ['redis://localhost', { nodes: [node('localhost')], isCluster: false, tls: false, db: 0 }],
    ['redis://cache:6380/3', { nodes: [node('cache', 6380)], db: 3, username: undefined, password: undefined }],
    ['rediss://cache', { nodes: [node('cache')], tls: true }],
    ['redis://:secret@cache', { username: undefined, password: 'secret' }],
    ['redis://me:p%40ss%2Fword@cache/1', { username: 'me', password: 'p@ss/word', db: 1 }],
    ['redis://me:%ff@cache', { password: '%ff' }],
    ['redis://[::1]:7000', { nodes: [node('::1', 7000)] }],
    ['redis://cache:6379?cluster', { nodes: [node('cache')], isCluster: true }],
    ['redis://cache:6379/?cluster', { nodes: [node('cache')], isCluster: true, db: 0 }],
  ])('%s', (url, expected) => {
    expect(redisOf(url)).toMatchObject({ keyPrefix: 'antiphon:', timeoutMs: 50, ...expected });
  });

  it('may be several of a cluster', () => {
    const file = 'store: { redis_nodes: ["b:1", "[::2]:2"], key_prefix: "mine/", timeout_ms: 20 }';
    expect(redisOf('redis://a', file)).toMatchObject({
      nodes: [node('a'), node('b', 1), node('::2', 2)],
      isCluster: true,
      keyPrefix: 'mine/',
      timeoutMs: 20,
    });
  });

  it('is a secret, and so is the password in it', () => {
    const { secrets } = load({ REDIS_URL: 'redis://me:p%40ssword@cache' });
    expect(secrets).toEqual(['redis://me:p%40ssword@cache', 'p%40ssword', 'p@ssword']);
    expect(redactor(secrets)('WRONGPASS p@ssword at redis://me:p%40ssword@cache')).toBe(
      'WRONGPASS [redacted] at [redacted]',
    );
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['another scheme', { REDIS_URL: 'http://secret-host' }, '', /REDIS_URL is not the address of a Redis/],
    ['a space', { REDIS_URL: 'redis://a b' }, '', /is not the address of a Redis/],
    ['a bad escape', { REDIS_URL: 'redis://u:%zz@a' }, '', /is not the address of a Redis/],
    ['an unknown option', { REDIS_URL: 'redis://a?x=1' }, '', /is not the address of a Redis/],
    ['a port that cannot be', { REDIS_URL: 'redis://a:70000' }, '', /REDIS_URL has a port that cannot be/],
    ['a database of a cluster', { REDIS_URL: 'redis://a/1?cluster' }, '', /names a database, and a cluster has none/],
    ['nodes alone', {}, 'store: { redis_nodes: ["a:1"] }', /store.redis_nodes is of no use without redis_url/],
    ['a node without a port', { REDIS_URL: 'redis://a' }, 'store: { redis_nodes: ["a"] }', /not the address of a node/],
    ['a file, too', { REDIS_URL: 'redis://a', ANTIPHON_SQLITE_PATH: 'x' }, '', /SQLITE_PATH is of no use with a Redis/],
    ['a brace', {}, 'store: { key_prefix: "{a}" }', /store.key_prefix is not a possible beginning of keys/],
  ])('is refused: %s', (_, env, file, message) => {
    const problems = problemsOf(env, file);
    expect(problems.map(({ path, problem }) => `${path} ${problem}`).join('\n')).toMatch(message);
    expect(JSON.stringify(problems)).not.toMatch(/secret-host|%zz/);
  });

  it('may be unset, and a file set instead', () => {
    expect(load({ ANTIPHON_SQLITE_PATH: '/data/store.db' }).store).toMatchObject({
      redis: undefined,
      sqlitePath: '/data/store.db',
    });
  });
});
