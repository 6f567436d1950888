import type { KeyRecord } from './access/key-record.ts';
import { may } from './core/roles.ts';
import { adminService } from './services/admin.ts';
import type { AdminService } from './services/admin-service.ts';
import type { Lasting, Serving } from './serving.ts';

export interface AdministrationParts {
  /** What is in effect. */
  readonly serving: () => Serving;
  readonly lasting: Pick<Lasting, 'clock'>;
}

/** Puts the AdminService together: the only place that knows what stands behind each of its groups. */
export function administration({ serving, lasting: { clock } }: AdministrationParts): AdminService {
  const isOperator = ({ roles, isRevoked, expiresMs }: KeyRecord) =>
    may(roles, 'watch') && !isRevoked && (expiresMs === undefined || expiresMs > clock.wallMs());
  return adminService({
    hasOperators: () => serving().config.access.keys.some(isOperator),
  });
}
