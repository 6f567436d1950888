// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/access/digest.ts';
import { load, problemsOf, said } from './loading.ts';

const HASH = 'a1'.repeat(32);
const OTHER = 'b2'.repeat(32);
const PLAIN = 'a-key-that-is-long-enough';

const keys = (...entries: string[]) => `access:\n  keys:\n${entries.map((entry) => `    - { ${entry} }\n`).join('')}`;

describe('keys of callers', () => {
  it('stand in the file by their hashes, with what they may do', () => {
    const entry = `name: a, hash: "sha256:${HASH.toUpperCase()}", team: ops, roles: [viewer, admin], allowed_models: ["x/*"], expires: "2027-01-31T01:00:00+01:00", revoked: true`;
    const { access } = load({}, `${keys(entry)}  teams: { ops: { allowed_models: [y] } }`);
    expect(access.keys).toEqual([
      {
        name: 'a',
        digest: HASH,
        team: 'ops',
        roles: ['viewer', 'admin'],
        allowedModels: ['x/*'],
        expiresMs: Date.UTC(2027, 0, 31),
        isRevoked: true,
      },
    ]);
    expect(access.teams).toEqual(new Map([['ops', { allowedModels: ['y'] }]]));
  });

  it('may be referred to, and are then secrets', () => {
    const config = load({ BILLING: PLAIN }, keys('name: a, key: "${BILLING}"'));
    expect(config.access.keys).toMatchObject([{ digest: digestOf(PLAIN), roles: ['caller'], isRevoked: false }]);
    expect(config.secrets).toContain(PLAIN);
    expect(JSON.stringify(config.access)).not.toContain(PLAIN);
  });

  it('come from the environment, too', () => {
    const env = { ANTIPHON_API_KEYS: `b:sha256:${OTHER}, c:sha256:${'C3'.repeat(32)}`, LLM_ADMIN_API_KEY: PLAIN };
    const config = load(env, keys(`name: a, hash: "sha256:${HASH}"`));
    expect(config.access.keys.map(({ name, digest, roles }) => [name, digest, roles])).toEqual([
      ['a', HASH, ['caller']],
      ['b', OTHER, ['caller']],
      ['c', 'c3'.repeat(32), ['caller']],
      ['LLM_ADMIN_API_KEY', digestOf(PLAIN), ['admin']],
    ]);
    expect(config.secrets).toContain(PLAIN);
  });

  it.each<[string, string, readonly string[]]>([
    ['no hash', keys('name: a'), ['access.keys[0] has neither hash nor key']],
    ['both', keys(`name: a, hash: "sha256:${HASH}", key: "\${K}"`), ['access.keys[0] has hash and key']],
    ['a bad hash', keys('name: a, hash: "sha256:123"'), ['access.keys[0].hash is not the hash of a key']],
    ['the key as its hash', keys(`name: a, hash: ${PLAIN}`), ['access.keys[0].hash is not the hash of a key']],
    ['a key in the file', keys(`name: a, key: ${PLAIN}`), ['access.keys[0].key is written into the file']],
    ['a short key', keys('name: a, key: "${SHORT}"'), ['access.keys[0].key is not a possible key of a caller']],
    [
      'one name twice',
      keys(`name: a, hash: "sha256:${HASH}"`, `name: A, hash: "sha256:${OTHER}"`),
      ['access.keys[1] has a name that is taken'],
    ],
    [
      'one hash twice',
      keys(`name: a, hash: "sha256:${HASH}"`, `name: b, hash: "sha256:${HASH}"`),
      ['access.keys[1] is a key that is there already'],
    ],
    ['a taken name', keys(`name: Anonymous, hash: "sha256:${HASH}"`), ['access.keys[0] has a name that is taken']],
    [
      'no such team',
      `${keys(`name: a, hash: "sha256:${HASH}", team: opps`)}  teams: { ops: {} }`,
      ['access.keys[0].team names a team that is not there'],
    ],
    [
      'no such role',
      keys(`name: a, hash: "sha256:${HASH}", roles: [root]`),
      ['access.keys[0].roles[0] is not one of the possible values'],
    ],
    [
      'no such day',
      keys(`name: a, hash: "sha256:${HASH}", expires: "2027-02-31T25:00:00Z"`),
      ['access.keys[0].expires is no moment that there is'],
    ],
    [
      'a contradiction',
      `${keys(`name: a, hash: "sha256:${HASH}"`)}  auth: none`,
      ['access.auth says that no key is asked for, and there are keys'],
    ],
  ])('are told of: %s', (_, file, expected) => {
    expect(said({ K: PLAIN, SHORT: 'too-short' }, file)).toEqual(expected);
  });

  it.each([
    ['a key itself', { ANTIPHON_API_KEYS: PLAIN }],
    ['a key with a name', { ANTIPHON_API_KEYS: `a:${PLAIN}` }],
    ['a short one', { LLM_ADMIN_API_KEY: 'sk-short' }],
  ])('are told of in variables, without what stands there: %s', (_, env) => {
    const [problem, ...others] = problemsOf(env);
    expect(others).toEqual([]);
    expect(problem?.path).toBe(Object.keys(env)[0]);
    for (const value of Object.values(env)) expect(JSON.stringify(problem)).not.toContain(value);
  });
});

describe('where other machines reach the gateway', () => {
  const HOSTS = ['0.0.0.0', '::', '10.0.0.1', 'gateway.example.com', '127.evil.example.com'];

  it.each(HOSTS)('%s needs keys, or that nobody is asked, in so many words', (host) => {
    const env = { ANTIPHON_HOST: host };
    expect(said(env)).toEqual(['ANTIPHON_HOST can be reached from other machines, and no caller is asked for a key']);
    expect(load({ ...env, LLM_ADMIN_API_KEY: PLAIN }).server.host).toBe(host);
    expect(load({ ...env, ANTIPHON_API_KEYS: `a:sha256:${HASH}` }).server.host).toBe(host);
    expect(load({ ...env, ANTIPHON_AUTH: 'none' }).access.isOpenInWords).toBe(true);
  });

  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost'])('%s needs none', (host) => {
    expect(load({ ANTIPHON_HOST: host }).access).toEqual({ keys: [], teams: new Map(), isOpenInWords: false });
  });

  it('is said of a key with a defect only that', () => {
    expect(said({ ANTIPHON_HOST: '0.0.0.0' }, keys('name: a, hash: nonsense'))).toHaveLength(1);
  });
});
