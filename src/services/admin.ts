import type { AuditNote, AuditNotes } from '../core/audit-note.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { may, type Right } from '../core/roles.ts';
import { type MethodRule, methodRules } from './admin/method-rules.ts';
import type { AdminGroup, AdminMethod, AdminService } from './admin-service.ts';
import type { Inbound } from './service.ts';

/** The methods, by what they are about. Those of a group that is not given are refused as not supported. */
export interface AdminParts {
  readonly providers?: AdminGroup<'listProviders' | 'testProvider'>;
  readonly settings?: AdminGroup<'getSettings' | 'updateSettings' | 'reloadConfiguration'>;
  readonly cache?: AdminGroup<'getCacheStats' | 'listCacheEntries' | 'purgeCache'>;
  readonly keys?: AdminGroup<'listKeys' | 'createKey' | 'revokeKey'>;
  readonly usage?: AdminGroup<'getUsageReport'>;
  readonly alerts?: AdminGroup<'listAlerts'>;
  readonly audit?: AdminGroup<'listAuditEvents'>;
  /** Is told of every change, and of everything that was refused. Default: nobody is. */
  readonly notes?: AuditNotes;
  /** Whether there is a key that may use any of this. */
  readonly hasOperators: () => boolean;
}

/**
 * antiphon.v1.AdminService over its groups. Here, and nowhere else, it is looked at who may do what, before anything is
 * read; and here it is told to the audit log.
 */
export function adminService(parts: AdminParts): AdminService {
  const { providers, settings, cache, keys, usage, alerts, audit } = parts;
  const given: Partial<AdminService> = {
    ...providers,
    ...settings,
    ...cache,
    ...keys,
    ...usage,
    ...alerts,
    ...audit,
  };
  const methods = Object.keys(methodRules) as readonly AdminMethod[];
  return Object.fromEntries(methods.map((name) => [name, guarded(name, given, parts)])) as unknown as AdminService;
}

type Work = (request: never, inbound: Inbound) => Promise<unknown>;
type Outcome = Pick<AuditNote, 'refusedBecause' | 'before' | 'after'>;

function guarded(name: AdminMethod, given: Partial<AdminService>, { notes, hasOperators }: AdminParts): Work {
  const rule: MethodRule<never, never> = methodRules[name];
  const work: Work = given[name] ?? notSupported;
  return async (request, inbound) => {
    const note = (outcome: Outcome) => notes?.note({ ...actOf(rule, request, inbound), ...outcome });
    const refusal = refusalOf(rule.right, inbound, hasOperators);
    if (refusal) {
      note({ refusedBecause: refusal.kind });
      throw refusal;
    }
    if (rule.right === 'watch') return work(request, inbound);
    const before = await rule.before?.(given as AdminService, inbound).catch(() => undefined);
    try {
      const response = await work(request, inbound);
      note({ before, after: rule.after?.(request, response as never) });
      return response;
    } catch (thrown) {
      note({ refusedBecause: toGatewayError(thrown).kind, before, after: rule.after?.(request, undefined) });
      throw thrown;
    }
  };
}

/** What a caller has written may be long. */
const MAX_OBJECT = 256;

function actOf({ action, object }: MethodRule<never, never>, request: never, { id, caller }: Inbound) {
  return {
    actor: caller.name,
    team: caller.team,
    action: typeof action === 'string' ? action : action(request),
    object: object?.(request).slice(0, MAX_OBJECT) ?? '',
    requestId: id,
  };
}

function refusalOf(right: Right, { caller }: Inbound, hasOperators: () => boolean): GatewayError | undefined {
  if (!caller.isAnonymous && may(caller.roles, right)) return undefined;
  if (caller.isAnonymous || !hasOperators()) return noOperators();
  const roles = right === 'watch' ? '"viewer" or "admin"' : '"admin"';
  return new GatewayError('permission_denied', `This key may not do that. Use one with the role ${roles}.`);
}

const noOperators = () =>
  new GatewayError(
    'unauthenticated',
    'This gateway has no key that may do that. Set LLM_ADMIN_API_KEY, or add a key with the role "admin" to access.keys, and send it as "authorization: Bearer <key>".',
  );

const notSupported: Work = async () => {
  throw new GatewayError('field_not_supported', 'This gateway does not have this method.');
};
