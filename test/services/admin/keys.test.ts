import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  CreateKeyRequestSchema,
  KeySource,
  ListKeysRequestSchema,
  RevokeKeyRequestSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import { callerNameRule } from '../../../src/config/schema-access.ts';
import { type KeyRights, type KeyState, keysAdmin } from '../../../src/services/admin/keys.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const clock = fakeClock();
const state: KeyState = {
  name: 'billing',
  team: '',
  roles: ['caller'],
  allowedModels: undefined,
  expiresMs: undefined,
  isRevoked: false,
};

function setUp() {
  const asked: KeyRights[] = [];
  const admin = keysAdmin({
    keys: {
      list: () => [
        { record: { ...state, allowedModels: ['a/*'], expiresMs: 5 }, isConfigured: true },
        { record: { ...state, name: 'made', team: 'search', isRevoked: true }, isConfigured: false },
      ],
      async create(wanted) {
        asked.push(wanted);
        return { key: 'ant_new', record: { ...wanted, isRevoked: false } };
      },
      revoke: async (name) => ({ ...state, name, isRevoked: true }),
    },
    isTeam: (name) => name === 'search',
    isName: (text) => callerNameRule.pattern.test(text),
    isPattern: (text) => /^[!-~]{1,256}$/.test(text),
    clock,
  });
  const make = (request: Parameters<typeof create<typeof CreateKeyRequestSchema>>[1]) =>
    admin.createKey(create(CreateKeyRequestSchema, request));
  return { admin, asked, make };
}

describe('keys', () => {
  it('are listed with what they may do, and where they are', async () => {
    const { keys } = await setUp().admin.listKeys(create(ListKeysRequestSchema));
    expect(keys).toMatchObject([
      { name: 'billing', allowedModels: ['a/*'], expiresAt: timestampFromMs(5), source: KeySource.CONFIGURATION },
      { name: 'made', team: 'search', revoked: true, source: KeySource.STORE },
    ]);
    expect(keys[1]?.expiresAt).toBeUndefined();
  });

  it('are made as they are wanted, those of callers if nothing else is said', async () => {
    const { make, asked } = setUp();
    expect(await make({ name: 'a' })).toMatchObject({ key: 'ant_new', info: { name: 'a', roles: ['caller'] } });
    const expiresMs = clock.wallMs() + 1;
    const wanted = { name: 'b', team: 'search', roles: ['admin', 'viewer'], allowedModels: ['openai/*'] };
    await make({ ...wanted, expiresAt: timestampFromMs(expiresMs) });
    expect(asked).toEqual([
      { name: 'a', team: '', roles: ['caller'], allowedModels: undefined, expiresMs: undefined },
      { ...wanted, roles: ['viewer', 'admin'], expiresMs },
    ]);
  });

  it.each([
    [{}, 'name'],
    [{ name: '-a' }, 'name'],
    [{ name: 'a'.repeat(64) }, 'name'],
    [{ name: 'a', team: 'none' }, 'team'],
    [{ name: 'a', roles: ['owner'] }, 'roles[0]'],
    [{ name: 'a', roles: ['caller', 'caller'] }, 'roles[1]'],
    [{ name: 'a', roles: ['caller', 'viewer', 'admin', 'caller'] }, 'roles'],
    [{ name: 'a', allowedModels: ['a', ''] }, 'allowed_models[1]'],
    [{ name: 'a', allowedModels: Array.from({ length: 1_001 }, () => 'a') }, 'allowed_models'],
    [{ name: 'a', endsMs: clock.wallMs() }, 'expires_at'],
    [{ name: 'a', endsMs: 8_640_000_000_000_000 }, 'expires_at'],
  ])('are not made of %j', async ({ endsMs, ...request }: Record<string, unknown>, field) => {
    const { make, asked } = setUp();
    const expiresAt = typeof endsMs === 'number' ? { expiresAt: timestampFromMs(endsMs) } : {};
    await expect(make({ ...request, ...expiresAt })).rejects.toMatchObject({
      kind: 'invalid_request',
      facts: { violations: [{ field }] },
    });
    expect(asked).toEqual([]);
  });

  it('are ended by their name', async () => {
    const { admin } = setUp();
    const { info } = await admin.revokeKey(create(RevokeKeyRequestSchema, { name: 'made' }));
    expect(info).toMatchObject({ name: 'made', revoked: true, source: KeySource.STORE });
    const nameless = admin.revokeKey(create(RevokeKeyRequestSchema));
    await expect(nameless).rejects.toMatchObject({ kind: 'invalid_request' });
  });
});
