import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Alert, AlertKind, AlertSchema, ListAlertsResponseSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import type { AlertKind as AlertKindName, Crossing } from '../../core/alert.ts';
import type { AdminGroup } from '../admin-service.ts';
import { Violations } from '../validate/violations.ts';

/** An alert that was told. */
export interface ToldAlert extends Crossing {
  /** In milliseconds since 1970. */
  readonly atMs: number;
  readonly message: string;
}

export interface AlertsParts {
  /** At most so many, the newest first. */
  readonly newest: (most: number) => readonly ToldAlert[];
}

const MOST = 1_000;
const DEFAULT = 100;

const kinds: Readonly<Record<AlertKindName, AlertKind>> = {
  limit: AlertKind.LIMIT,
  error_rate: AlertKind.ERROR_RATE,
  latency: AlertKind.LATENCY,
  cost: AlertKind.COST,
};

/** What operators were told of. */
export function alertsAdmin({ newest }: AlertsParts): AdminGroup<'listAlerts'> {
  return {
    async listAlerts({ limit }) {
      const found = new Violations();
      found.check(limit <= MOST, 'limit', 'must be at most 1,000');
      found.throwIfAny();
      return create(ListAlertsResponseSchema, { alerts: newest(limit || DEFAULT).map(alertOf) });
    },
  };
}

const alertOf = ({ atMs, kind, ...rest }: ToldAlert): Alert =>
  create(AlertSchema, { ...rest, time: timestampFromMs(atMs), kind: kinds[kind] });
