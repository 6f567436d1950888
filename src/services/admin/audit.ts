import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type AuditEvent,
  AuditEventSchema,
  type ListAuditEventsRequest,
  type ListAuditEventsResponse,
  ListAuditEventsResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import { type ErrorKind, errorRule } from '../../core/errors.ts';
import { Violations } from '../validate/violations.ts';

/** What somebody did, as it is kept. */
export interface KeptEvent {
  readonly id: string;
  readonly timeMs: number;
  readonly actor: string;
  readonly team: string;
  readonly action: string;
  readonly object: string;
  readonly refusedBecause?: ErrorKind | undefined;
  readonly before: string;
  readonly after: string;
  readonly requestId: string;
}

export interface AuditAdminParts {
  /** Events before the one of this id, newest first. Errors: GatewayError. */
  readonly page: (page: { readonly limit: number; readonly beforeId: string }) => Promise<readonly KeptEvent[]>;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const ID = /^[0-9a-f]{34}$/;

/** The methods about the audit log. Errors: `invalid_request`; those of the log. */
export const auditAdmin = ({ page }: AuditAdminParts) => ({
  async listAuditEvents({ limit, beforeId }: ListAuditEventsRequest): Promise<ListAuditEventsResponse> {
    const found = new Violations();
    found.check(limit <= MAX_LIMIT, 'limit', 'must be at most 1,000');
    found.check(beforeId === '' || ID.test(beforeId), 'before_id', 'must be the id of an event, unchanged');
    found.throwIfAny();
    const events = await page({ limit: limit || DEFAULT_LIMIT, beforeId });
    return create(ListAuditEventsResponseSchema, { events: events.map(eventMessage) });
  },
});

const eventMessage = ({ timeMs, refusedBecause, before, after, ...event }: KeptEvent): AuditEvent =>
  create(AuditEventSchema, {
    ...event,
    time: timestampFromMs(timeMs),
    ...(refusedBecause ? { refusedBecause: errorRule(refusedBecause).reason } : {}),
    beforeJson: before,
    afterJson: after,
  });
