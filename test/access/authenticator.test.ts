import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Access } from '../../src/access/access.ts';
import { authenticator } from '../../src/access/authenticator.ts';
import { digestOf } from '../../src/access/digest.ts';
import { type AccessSettings, type KeyRecord, keyList } from '../../src/access/key-record.ts';
import { newKey } from '../../src/access/new-key.ts';
import { anonymous } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { fakeClock } from '../support/fake-clock.ts';

const work = vi.hoisted(() => ({ digests: 0, comparisons: 0 }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  const hash = (...given: [algorithm: string, data: string]) => {
    work.digests++;
    return crypto.hash(...given);
  };
  const timingSafeEqual: typeof crypto.timingSafeEqual = (...given) => {
    work.comparisons++;
    return crypto.timingSafeEqual(...given);
  };
  return { ...crypto, hash, timingSafeEqual };
});
beforeEach(() => Object.assign(work, { digests: 0, comparisons: 0 }));

const recordOf = (key: string, more: Partial<KeyRecord> = {}): KeyRecord => ({
  name: 'billing',
  digest: digestOf(key),
  team: '',
  roles: ['caller'],
  allowedModels: undefined,
  expiresMs: undefined,
  isRevoked: false,
  ...more,
});

function scene(records: readonly KeyRecord[], teams: AccessSettings['teams'] = new Map()) {
  const clock = fakeClock();
  const failures: string[] = [];
  const who = authenticator({ sources: [keyList(records)], teams, clock, failed: (why) => void failures.push(why) });
  const by = (headers: Record<string, string>) => who.authenticate((name) => headers[name]);
  return { clock, failures, by };
}

/** What was thrown. */
function refusalOf(attempt: () => unknown): GatewayError {
  try {
    attempt();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('nobody was refused');
}

const KEY = 'ant_the-key-of-billing';

describe('a key', () => {
  it.each([
    ['authorization', `Bearer ${KEY}`],
    ['authorization', `bearer  ${KEY}`],
    ['x-api-key', KEY],
    ['api-key', KEY],
  ])('comes by %s: %s', (header, value) => {
    expect(scene([recordOf(KEY, { team: 'ops' })]).by({ [header]: value })).toEqual({
      name: 'billing',
      team: 'ops',
      roles: ['caller'],
      allowedModels: undefined,
      isAnonymous: false,
    });
  });

  it('may come by several headers, if it is the same in all', () => {
    const { by, failures } = scene([recordOf(KEY)]);
    expect(by({ authorization: `Bearer ${KEY}`, 'x-api-key': KEY }).name).toBe('billing');
    refusalOf(() => by({ authorization: `Bearer ${KEY}`, 'api-key': `${KEY}x` }));
    expect(failures).toEqual(['malformed']);
  });

  it.each<[string, Record<string, string>, string]>([
    ['none', {}, 'missing'],
    ['another scheme', { authorization: `Basic ${KEY}` }, 'malformed'],
    ['no scheme', { authorization: KEY }, 'malformed'],
    ['an empty one', { authorization: 'Bearer ' }, 'malformed'],
    ['an empty header', { 'x-api-key': '' }, 'malformed'],
    ['two at once', { 'x-api-key': `${KEY}, ${KEY}` }, 'malformed'],
    ['513 characters', { 'x-api-key': 'a'.repeat(513) }, 'malformed'],
    ['512 characters', { 'x-api-key': 'a'.repeat(512) }, 'unknown'],
    ['what is not ASCII', { 'x-api-key': `${KEY}\u00e9` }, 'malformed'],
    ['a space', { 'x-api-key': `${KEY} ` }, 'malformed'],
    ['a control character', { 'x-api-key': `${KEY}\u0000` }, 'malformed'],
    ['one that is not known', { 'x-api-key': `${KEY}x` }, 'unknown'],
    ['the hash of one', { 'x-api-key': digestOf(KEY) }, 'unknown'],
  ])('is refused: %s', (_, headers, why) => {
    const { by, failures } = scene([recordOf(KEY)]);
    const error = refusalOf(() => by(headers));
    expect([error.kind, failures]).toEqual(['unauthenticated', [why]]);
    expect(error.message).toBe(refusalOf(() => by({})).message);
  });

  it('ends at its moment and not before, by the clock', () => {
    const { by, clock, failures } = scene([recordOf(KEY, { expiresMs: fakeClock().wallMs() + 1_000 })]);
    clock.advance(999);
    expect(by({ 'api-key': KEY }).name).toBe('billing');
    clock.advance(1);
    expect(refusalOf(() => by({ 'api-key': KEY })).kind).toBe('unauthenticated');
    expect(failures).toEqual(['expired']);
  });

  it.each([
    ['unknown', undefined],
    ['revoked', { isRevoked: true }],
    ['expired', { expiresMs: 0 }],
  ] as const)('that is %s is refused like any other, after the same work', (why, more) => {
    const other = recordOf('another-key', { name: 'other' });
    const { by, failures } = scene(more ? [other, recordOf(KEY, more)] : [other]);
    Object.assign(work, { digests: 0, comparisons: 0 });
    const error = refusalOf(() => by({ 'api-key': KEY }));
    expect(failures).toEqual([why]);
    expect(work).toEqual({ digests: 1, comparisons: 1 });
    expect(JSON.stringify([error.message, error.facts])).toBe(JSON.stringify([refusalOf(() => by({})).message, {}]));
  });

  it('opens for the same work as it does not', () => {
    const { by } = scene([recordOf(KEY)]);
    Object.assign(work, { digests: 0, comparisons: 0 });
    by({ 'api-key': KEY });
    expect(work).toEqual({ digests: 1, comparisons: 1 });
  });

  it('opens as itself, and as no other, whatever is tried', () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[!-+\--~]{1,40}$/), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(keys, fc.stringMatching(/^[!-~]{0,41}$/), (known, tried) => {
        const { by } = scene(known.map((key, i) => recordOf(key, { name: `key-${i}` })));
        for (const [i, key] of known.entries()) expect(by({ 'x-api-key': key }).name).toBe(`key-${i}`);
        const at = known.indexOf(tried);
        if (at < 0) refusalOf(() => by({ 'x-api-key': tried }));
        else expect(by({ 'x-api-key': tried }).name).toBe(`key-${at}`);
      }),
    );
  });
});

describe('what a key may call', () => {
  const teams = new Map([['ops', { allowedModels: ['openai/*'] }]]);
  const allows = (more: Partial<KeyRecord>, model: string) => {
    const { allowedModels } = scene([recordOf(KEY, more)], teams).by({ 'api-key': KEY });
    const [provider = '', id = ''] = model.split('/');
    return allowedModels?.({ provider, model: id });
  };

  it.each<[Partial<KeyRecord>, string, boolean | undefined]>([
    [{}, 'openai/a', undefined],
    [{ team: 'ops' }, 'openai/a', true],
    [{ team: 'ops' }, 'groq/a', false],
    [{ allowedModels: ['groq/*'] }, 'groq/a', true],
    [{ allowedModels: ['groq/*', 'openai/a'], team: 'ops' }, 'groq/a', false],
    [{ allowedModels: ['groq/*', 'openai/a'], team: 'ops' }, 'openai/a', true],
    [{ allowedModels: ['groq/*', 'openai/a'], team: 'ops' }, 'openai/b', false],
  ])('%j, %s: %s', (more, model, expected) => {
    expect(allows(more, model)).toBe(expected);
  });
});

describe('the keys of the moment', () => {
  const settings = (...keys: string[]): AccessSettings => ({
    keys: keys.map((key) => recordOf(key, { name: key })),
    teams: new Map(),
    isOpenInWords: false,
  });
  const by = (access: Access, key: string) => access.authenticate((name) => (name === 'api-key' ? key : undefined));

  it('are asked for as soon as there is one', () => {
    const access = new Access(settings(), { clock: fakeClock(), failed: () => undefined });
    expect(by(access, 'whatever it is')).toBe(anonymous);
    access.reconfigure(settings('first-key'));
    expect(by(access, 'first-key').name).toBe('first-key');
    expect(refusalOf(() => by(access, 'whatever')).kind).toBe('unauthenticated');
  });

  it('stop and begin to count with the configuration', () => {
    const access = new Access(settings('old-key'), { clock: fakeClock(), failed: () => undefined });
    access.reconfigure(settings('new-key'));
    expect(by(access, 'new-key').name).toBe('new-key');
    expect(refusalOf(() => by(access, 'old-key')).kind).toBe('unauthenticated');
  });

  it('are also those of further sources, which may change by themselves', () => {
    const made: KeyRecord[] = [];
    const source = {
      get hasKeys() {
        return made.length > 0;
      },
      find: (digest: string) => made.find((record) => record.digest === digest),
    };
    const parts = { clock: fakeClock(), failed: () => undefined, sources: [source] };
    const access = new Access(settings(), parts);
    expect(by(access, 'made-key')).toBe(anonymous);
    made.push(recordOf('made-key', { name: 'made' }));
    expect(by(access, 'made-key').name).toBe('made');
    access.reconfigure(settings('file-key'));
    expect([by(access, 'made-key').name, by(access, 'file-key').name]).toEqual(['made', 'file-key']);
  });
});

it('a new key has 256 bits, and can be sent', () => {
  expect(newKey()).toMatch(/^ant_[A-Za-z0-9_-]{43}$/);
  expect(newKey()).not.toBe(newKey());
});
