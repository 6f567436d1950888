import { create } from '@bufbuild/protobuf';
import {
  type GetSettingsRequest,
  type GetSettingsResponse,
  GetSettingsResponseSchema,
  type ReloadConfigurationRequest,
  type ReloadConfigurationResponse,
  ReloadConfigurationResponseSchema,
  type Settings,
  SettingsSchema,
  type UpdateSettingsRequest,
  type UpdateSettingsResponse,
  UpdateSettingsResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import { asObject, tryParseJson, type UnknownObject } from '../../core/json.ts';
import type { Redact } from '../../core/redact.ts';
import { objectProblem } from '../validate/json.ts';
import { Violations } from '../validate/violations.ts';

/** What was changed. What is undefined is as the file has it. */
export interface ChangedSettings {
  readonly allowedModels?: readonly string[] | undefined;
  readonly quotas?: UnknownObject | undefined;
  readonly routing?: UnknownObject | undefined;
}

/** What is in effect, and what was changed. */
export interface SettingsState extends Required<ChangedSettings> {
  readonly changed: ChangedSettings;
  readonly revision: number;
}

/** Where settings are kept. Errors: GatewayError. */
export interface KeptSettings {
  now(): SettingsState;
  update(change: {
    readonly settings: ChangedSettings;
    readonly revision: number;
    readonly validateOnly: boolean;
  }): Promise<SettingsState>;
  /** The parts that need a restart to take effect. */
  reload(): readonly string[];
}

export interface SettingsAdminParts {
  readonly settings: KeptSettings;
  readonly redact: Redact;
}

const MAX_PATTERNS = 1_000;

/** The methods about what is changed while the gateway runs. Errors: `invalid_request`; those of where settings are kept. */
export const settingsAdmin = ({ settings, redact }: SettingsAdminParts) => ({
  async getSettings(_: GetSettingsRequest): Promise<GetSettingsResponse> {
    const state = settings.now();
    const changed = settingsMessage(state.changed, redact);
    return create(GetSettingsResponseSchema, { changed, ...inEffect(state, redact) });
  },

  async updateSettings(request: UpdateSettingsRequest): Promise<UpdateSettingsResponse> {
    const change = { ...wantedSettings(request), validateOnly: request.validateOnly };
    return create(UpdateSettingsResponseSchema, inEffect(await settings.update(change), redact));
  },

  async reloadConfiguration(_: ReloadConfigurationRequest): Promise<ReloadConfigurationResponse> {
    return create(ReloadConfigurationResponseSchema, { needsRestart: [...settings.reload()] });
  },
});

function inEffect({ allowedModels = [], quotas = {}, routing = {}, revision }: SettingsState, redact: Redact) {
  return { effective: settingsMessage({ allowedModels, quotas, routing }, redact), revision: BigInt(revision) };
}

const settingsMessage = ({ allowedModels, quotas, routing }: ChangedSettings, redact: Redact): Settings =>
  create(SettingsSchema, {
    ...(allowedModels ? { allowedModels: { patterns: allowedModels.map(redact) } } : {}),
    quotasJson: jsonText(quotas, redact),
    routingJson: jsonText(routing, redact),
  });

/** The file may have put a secret there by reference. Empty: there is nothing. */
const jsonText = (section: UnknownObject | undefined, redact: Redact): string =>
  section ? JSON.stringify(section, (_, value) => (typeof value === 'string' ? redact(value) : value)) : '';

function wantedSettings({ settings, revision }: UpdateSettingsRequest) {
  const found = new Violations();
  found.check(settings !== undefined, 'settings', 'must be there; without fields it is what the file has');
  const isRevision = revision >= 0n && revision < Number.MAX_SAFE_INTEGER;
  found.check(isRevision, 'revision', 'must be the revision that GetSettings gave');
  const allowedModels = settings?.allowedModels?.patterns;
  const isFit = !allowedModels || (allowedModels.length > 0 && allowedModels.length <= MAX_PATTERNS);
  found.check(isFit, 'settings.allowed_models.patterns', 'must have from 1 to 1,000 entries');
  const quotas = section(settings?.quotasJson, 'settings.quotas_json', found);
  const routing = section(settings?.routingJson, 'settings.routing_json', found);
  found.throwIfAny();
  return { settings: { allowedModels, quotas, routing }, revision: Number(revision) };
}

/** Undefined: the file's. What it says is left to the configuration. */
function section(text: string | undefined, field: string, found: Violations): UnknownObject | undefined {
  if (!text) return undefined;
  const problem = objectProblem(text);
  if (problem === undefined) return asObject(tryParseJson(text));
  found.add(field, problem);
  return undefined;
}
