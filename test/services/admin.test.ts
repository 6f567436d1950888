import { create } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { AdminService as AdminServiceDesc, CreateKeyResponseSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import type { AuditNote } from '../../src/core/audit-note.ts';
import { anonymous, type Caller } from '../../src/core/call.ts';
import { type ErrorKind, GatewayError, toGatewayError } from '../../src/core/errors.ts';
import { type Role, roles } from '../../src/core/roles.ts';
import { methodRules } from '../../src/services/admin/method-rules.ts';
import { type AdminParts, adminService } from '../../src/services/admin.ts';
import type { AdminMethod } from '../../src/services/admin-service.ts';
import { inboundOf } from '../support/requests.ts';

const methods = Object.keys(AdminServiceDesc.method) as AdminMethod[];

const callerWith = (...given: Role[]): Caller => ({
  name: 'somebody',
  team: 'search',
  roles: given,
  allowedModels: undefined,
  isAnonymous: false,
});

const inbound = (caller: Caller) => inboundOf({ id: 'request-1', caller });

interface Scene {
  readonly asked: string[];
  readonly notes: AuditNote[];
  /** What came of it: the kind of the error, or "done". */
  ask(name: AdminMethod, caller: Caller, request?: object): Promise<ErrorKind | 'done'>;
}

function scene(parts: Partial<AdminParts> = {}): Scene {
  const asked: string[] = [];
  const notes: AuditNote[] = [];
  const all = Object.fromEntries(
    methods.map((name) => [
      name,
      async () => {
        asked.push(name);
        return create(AdminServiceDesc.method[name].output);
      },
    ]),
  ) as never;
  const service = adminService({
    settings: all,
    notes: { note: (event) => notes.push(event) },
    hasOperators: () => true,
    ...parts,
  });
  return {
    asked,
    notes,
    async ask(name, caller, request = {}) {
      try {
        await service[name](create(AdminServiceDesc.method[name].input, request) as never, inbound(caller));
        return 'done';
      } catch (thrown) {
        return toGatewayError(thrown).kind;
      }
    },
  };
}

/** Those that only show, as the contract says. */
const shows = (name: AdminMethod): boolean =>
  AdminServiceDesc.method[name].idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;

describe('who may do what', () => {
  it.each(methods)('%s is for admins, and for viewers if it only shows', async (name) => {
    for (const role of roles) {
      const { ask, asked } = scene();
      const may = role === 'admin' || (role === 'viewer' && shows(name));
      expect([role, await ask(name, callerWith(role))]).toEqual([role, may ? 'done' : 'permission_denied']);
      expect(asked.filter((each) => each === name)).toEqual(may ? [name] : []);
    }
    expect(methodRules[name].right).toBe(shows(name) ? 'watch' : 'administer');
  });

  it.each(methods)('%s is for nobody where no key is asked for, or none may use it', async (name) => {
    const { ask, asked, notes } = scene({ hasOperators: () => false });
    expect(await ask(name, anonymous)).toBe('unauthenticated');
    expect(await ask(name, callerWith('caller'))).toBe('unauthenticated');
    expect(asked).toEqual([]);
    expect(notes.map(({ refusedBecause }) => refusedBecause)).toEqual(['unauthenticated', 'unauthenticated']);
  });

  it.each(methods)('%s is not supported where nothing stands behind it', async (name) => {
    const service = adminService({ hasOperators: () => true });
    const request = create(AdminServiceDesc.method[name].input) as never;
    await expect(service[name](request, inbound(callerWith('admin')))).rejects.toMatchObject({
      kind: 'field_not_supported',
    });
  });
});

describe('what the audit log is told', () => {
  it.each(methods)('%s: what was refused, always; what was done, if it may change something', async (name) => {
    const { ask, notes } = scene();
    await ask(name, callerWith('admin'));
    expect(notes).toHaveLength(shows(name) ? 0 : 1);
    await ask(name, callerWith('caller'));
    expect(notes.at(-1)).toMatchObject({
      actor: 'somebody',
      team: 'search',
      refusedBecause: 'permission_denied',
      requestId: 'request-1',
    });
  });

  it('has what was there before and what there is now', async () => {
    const { ask, notes } = scene();
    await ask('updateSettings', callerWith('admin'), { settings: { allowedModels: { patterns: ['mock/*'] } } });
    expect(notes).toMatchObject([{ action: 'settings.update', after: { allowed_models: { patterns: ['mock/*'] } } }]);
    await ask('updateSettings', callerWith('admin'), { settings: {}, validateOnly: true });
    expect(notes.at(-1)).toMatchObject({ action: 'settings.validate', after: {} });
  });

  it('has nothing that somebody wrote who may not, but the beginning of a name', async () => {
    const { ask, notes } = scene();
    await ask('createKey', callerWith('viewer'), { name: 'n'.repeat(1_000) });
    expect(notes).toEqual([
      {
        actor: 'somebody',
        team: 'search',
        action: 'key.create',
        object: 'n'.repeat(256),
        refusedBecause: 'permission_denied',
        requestId: 'request-1',
      },
    ]);
  });

  it('never has a key', async () => {
    const created = create(CreateKeyResponseSchema, { key: 'ant_canary-of-a-new-key', info: { name: 'new' } });
    const { ask, notes } = scene({ keys: { createKey: async () => created } as never });
    await ask('createKey', callerWith('admin'), { name: 'new' });
    expect(notes).toMatchObject([{ action: 'key.create', object: 'new', after: { name: 'new' } }]);
    expect(JSON.stringify(notes)).not.toContain('canary');
  });

  it('has why a change could not be made', async () => {
    const refusing = async () => {
      throw new GatewayError('invalid_request', 'No.');
    };
    const { ask, notes } = scene({ cache: { purgeCache: refusing } as never });
    expect(await ask('purgeCache', callerWith('admin'), { scope: { case: 'team', value: 'search' } })).toBe(
      'invalid_request',
    );
    expect(notes).toMatchObject([
      { action: 'cache.purge', refusedBecause: 'invalid_request', after: { team: 'search' } },
    ]);
  });
});
