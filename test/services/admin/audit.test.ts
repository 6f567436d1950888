import { create, toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ListAuditEventsRequestSchema, ListAuditEventsResponseSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import { auditAdmin, type KeptEvent } from '../../../src/services/admin/audit.ts';

const done: KeptEvent = {
  id: 'a'.repeat(34),
  timeMs: 1_700_000_000_500,
  actor: 'ops',
  team: 'platform',
  action: 'key.create',
  object: 'billing',
  before: '',
  after: '{"name":"billing"}',
  requestId: 'call-1',
};
const refused: KeptEvent = { ...done, id: '9'.repeat(34), refusedBecause: 'conflict', before: '1', after: '' };

function setUp() {
  const asked: unknown[] = [];
  const admin = auditAdmin({
    page: async (page) => {
      asked.push(page);
      return [done, refused];
    },
  });
  const list = (request: { limit?: number; beforeId?: string }) =>
    admin.listAuditEvents(create(ListAuditEventsRequestSchema, request));
  return { asked, list };
}

describe('ListAuditEvents', () => {
  it('tells the events as they are kept', async () => {
    const { list } = setUp();
    const event = {
      id: 'a'.repeat(34),
      time: '2023-11-14T22:13:20.500Z',
      ...{ actor: 'ops', team: 'platform', action: 'key.create', object: 'billing', request_id: 'call-1' },
    };
    expect(toJson(ListAuditEventsResponseSchema, await list({}), { useProtoFieldName: true })).toEqual({
      events: [
        { ...event, after_json: '{"name":"billing"}' },
        { ...event, id: '9'.repeat(34), refused_because: 'ERROR_REASON_CONFLICT', before_json: '1' },
      ],
    });
  });

  it('asks for the page that is wanted, and for 100 events where no number is', async () => {
    const { list, asked } = setUp();
    await list({});
    await list({ limit: 1_000, beforeId: '0f'.repeat(17) });
    expect(asked).toEqual([
      { limit: 100, beforeId: '' },
      { limit: 1_000, beforeId: '0f'.repeat(17) },
    ]);
  });

  it.each([
    [{ limit: 1_001 }, 'limit'],
    [{ beforeId: 'x' }, 'before_id'],
    [{ beforeId: 'A'.repeat(34) }, 'before_id'],
  ])('refuses %j', async (request, field) => {
    const { list, asked } = setUp();
    await expect(list(request)).rejects.toMatchObject({ kind: 'invalid_request', facts: { violations: [{ field }] } });
    expect(asked).toEqual([]);
  });
});
