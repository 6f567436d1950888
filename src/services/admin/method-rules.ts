import { create, type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import {
  GetSettingsRequestSchema,
  KeyInfoSchema,
  PurgeCacheRequestSchema,
  SettingsSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import type { Right } from '../../core/roles.ts';
import type { AdminMethod, AdminService } from '../admin-service.ts';
import type { Inbound } from '../service.ts';

/** What is to be known of a method besides what it does, by its request and its response. */
export interface MethodRule<Q, A> {
  readonly right: Right;
  /** What the audit log calls it. */
  readonly action: string | ((request: Q) => string);
  /** What it is done to. Default: nothing in particular. */
  readonly object?: (request: Q) => string;
  /** What there was, asked before it is done. Default: nothing to tell. */
  readonly before?: (service: AdminService, inbound: Inbound) => Promise<JsonValue | undefined>;
  /** What there is now, or was to be: `response` is undefined if it was refused. Default: nothing to tell. */
  readonly after?: (request: Q, response: A | undefined) => JsonValue | undefined;
}

type RuleOf<M extends AdminMethod> = MethodRule<Parameters<AdminService[M]>[0], Awaited<ReturnType<AdminService[M]>>>;

/** Unset fields are left out. */
const json = <D extends DescMessage>(schema: D, message: MessageShape<D> | undefined): JsonValue | undefined =>
  message && toJson(schema, message, { useProtoFieldName: true });

/** Who may do what, and what the audit log says of it: a method does not compile until its row exists. */
export const methodRules: { readonly [M in AdminMethod]: RuleOf<M> } = {
  listProviders: { right: 'watch', action: 'provider.list' },
  testProvider: { right: 'administer', action: 'provider.test', object: ({ provider }) => provider },
  getSettings: { right: 'watch', action: 'settings.get' },
  updateSettings: {
    right: 'administer',
    action: ({ validateOnly }) => (validateOnly ? 'settings.validate' : 'settings.update'),
    before: async (service, inbound) => {
      const { changed } = await service.getSettings(create(GetSettingsRequestSchema), inbound);
      return json(SettingsSchema, changed);
    },
    after: ({ settings }) => json(SettingsSchema, settings),
  },
  reloadConfiguration: { right: 'administer', action: 'configuration.reload' },
  getCacheStats: { right: 'watch', action: 'cache.stats' },
  listCacheEntries: { right: 'watch', action: 'cache.list' },
  purgeCache: {
    right: 'administer',
    action: 'cache.purge',
    after: (request) => json(PurgeCacheRequestSchema, request),
  },
  listKeys: { right: 'watch', action: 'key.list' },
  createKey: {
    right: 'administer',
    action: 'key.create',
    object: ({ name }) => name,
    after: (_, response) => json(KeyInfoSchema, response?.info),
  },
  revokeKey: {
    right: 'administer',
    action: 'key.revoke',
    object: ({ name }) => name,
    after: (_, response) => json(KeyInfoSchema, response?.info),
  },
  getUsageReport: { right: 'watch', action: 'usage.report' },
  listAlerts: { right: 'watch', action: 'alert.list' },
  listAuditEvents: { right: 'watch', action: 'audit.list' },
};
