import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type CreateKeyRequest,
  type CreateKeyResponse,
  CreateKeyResponseSchema,
  type KeyInfo,
  KeyInfoSchema,
  KeySource,
  type ListKeysRequest,
  type ListKeysResponse,
  ListKeysResponseSchema,
  type RevokeKeyRequest,
  type RevokeKeyResponse,
  RevokeKeyResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import type { Clock } from '../../core/clock.ts';
import { type Role, roles } from '../../core/roles.ts';
import { Violations } from '../validate/violations.ts';

/** What a key may do. */
export interface KeyRights {
  readonly name: string;
  /** Empty: none. */
  readonly team: string;
  readonly roles: readonly Role[];
  /** Undefined: all. */
  readonly allowedModels: readonly string[] | undefined;
  /** In milliseconds since 1970. Undefined: never. */
  readonly expiresMs: number | undefined;
}

export interface KeyState extends KeyRights {
  readonly isRevoked: boolean;
}

/** Where keys are kept. Errors: GatewayError. */
export interface KeptKeys {
  /** All there are, ordered by name. */
  list(): readonly { readonly record: KeyState; readonly isConfigured: boolean }[];
  create(wanted: KeyRights): Promise<{ readonly key: string; readonly record: KeyState }>;
  revoke(name: string): Promise<KeyState>;
}

export interface KeysAdminParts {
  readonly keys: KeptKeys;
  /** Whether the configuration has a team of this name. */
  readonly isTeam: (name: string) => boolean;
  /** Whether a key may be called so. */
  readonly isName: (text: string) => boolean;
  /** Whether it is a pattern of models. */
  readonly isPattern: (text: string) => boolean;
  readonly clock: Pick<Clock, 'wallMs'>;
}

const MAX_PATTERNS = 1_000;

/** The methods about keys of callers. Errors: `invalid_request`; those of where keys are kept. */
export const keysAdmin = (parts: KeysAdminParts) => ({
  async listKeys(_: ListKeysRequest): Promise<ListKeysResponse> {
    const keys = parts.keys.list().map(({ record, isConfigured }) => keyInfo(record, isConfigured));
    return create(ListKeysResponseSchema, { keys });
  },

  async createKey(request: CreateKeyRequest): Promise<CreateKeyResponse> {
    const { key, record } = await parts.keys.create(wantedKey(request, parts));
    return create(CreateKeyResponseSchema, { key, info: keyInfo(record, false) });
  },

  async revokeKey({ name }: RevokeKeyRequest): Promise<RevokeKeyResponse> {
    const found = new Violations();
    found.check(parts.isName(name), 'name', NAME);
    found.throwIfAny();
    return create(RevokeKeyResponseSchema, { info: keyInfo(await parts.keys.revoke(name), false) });
  },
});

const NAME = 'must be up to 63 letters, digits, ".", "_" and "-", beginning with a letter or digit';

function wantedKey(request: CreateKeyRequest, { isName, isTeam, isPattern, clock }: KeysAdminParts): KeyRights {
  const { name, team, allowedModels, expiresAt } = request;
  const found = new Violations();
  found.check(isName(name), 'name', NAME);
  found.check(team === '' || isTeam(team), 'team', 'must be a team of the configuration, or empty');
  const wanted = rolesOf(request, found);
  found.check(allowedModels.length <= MAX_PATTERNS, 'allowed_models', 'must have at most 1,000 entries');
  for (const [i, pattern] of allowedModels.slice(0, MAX_PATTERNS).entries())
    found.check(isPattern(pattern), `allowed_models[${i}]`, 'must be "id", "provider/id", "provider/*" or "*"');
  const expiresMs = momentOf(expiresAt);
  const isLater = expiresMs === undefined || expiresMs > clock.wallMs();
  found.check(isLater, 'expires_at', 'must be a moment in the future, before the year 10000');
  found.throwIfAny();
  return { name, team, roles: wanted, allowedModels: allowedModels.length > 0 ? allowedModels : undefined, expiresMs };
}

function rolesOf({ roles: texts }: CreateKeyRequest, found: Violations): readonly Role[] {
  found.check(texts.length <= roles.length, 'roles', `must have at most ${roles.length} entries`);
  for (const [i, text] of texts.slice(0, roles.length).entries()) {
    const isKnown = roles.some((role) => role === text) && texts.indexOf(text) === i;
    found.check(isKnown, `roles[${i}]`, `must be one of ${roles.join(', ')}, once`);
  }
  return texts.length === 0 ? ['caller'] : roles.filter((role) => texts.includes(role));
}

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** NaN: it is none. */
function momentOf(time: Timestamp | undefined): number | undefined {
  if (!time) return undefined;
  const ms = timestampMs(time);
  return ms <= LAST_MS ? Math.floor(ms) : Number.NaN;
}

const keyInfo = (
  { name, team, roles: may, allowedModels = [], expiresMs, isRevoked }: KeyState,
  isConfigured: boolean,
): KeyInfo =>
  create(KeyInfoSchema, {
    name,
    team,
    roles: [...may],
    allowedModels: [...allowedModels],
    ...(expiresMs === undefined ? {} : { expiresAt: timestampFromMs(expiresMs) }),
    revoked: isRevoked,
    source: isConfigured ? KeySource.CONFIGURATION : KeySource.STORE,
  });
