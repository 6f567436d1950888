import { create, type JsonObject } from '@bufbuild/protobuf';
import { CacheMode, CachePolicySchema, type CompleteRequest, Priority } from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import type { Fields } from './fields.ts';

/** A request header by its lower-case name. */
export type Header = (name: string) => string | undefined;

/** As OpenAI's clients name it where they are told to send one. */
const IDEMPOTENCY_HEADER = 'idempotency-key';

const tiers = { fast: ModelTier.FAST, balanced: ModelTier.BALANCED, premium: ModelTier.PREMIUM };

const complexities = {
  simple: TaskComplexity.SIMPLE,
  moderate: TaskComplexity.MODERATE,
  complex: TaskComplexity.COMPLEX,
};

const priorities = { low: Priority.LOW, normal: Priority.NORMAL, high: Priority.HIGH };

const cacheModes = {
  default: CacheMode.DEFAULT,
  bypass: CacheMode.BYPASS,
  refresh: CacheMode.REFRESH,
  only: CacheMode.ONLY,
};

/** All that may stand in `antiphon`, under the names of the contract. */
const known = new Set([
  'tier',
  'complexity',
  'preferred_providers',
  'fallback_models',
  'cache',
  'request_type',
  'priority',
  'labels',
  'provider_options',
  'idempotency_key',
]);

/**
 * What the contract has and OpenAI's format has not: from the object `antiphon` of the body, or else from the header
 * `x-antiphon-*` of the same name with dashes. Lists in a header are separated by commas. An idempotency key may also stand
 * in the header that is usual for it.
 */
export function addExtras(request: CompleteRequest, body: UnknownObject, header: Header, fields: Fields): void {
  const extras = fields.object(body.antiphon, 'antiphon') ?? {};
  for (const name of Object.keys(extras))
    if (!known.has(name)) fields.found.add(`antiphon.${name}`, 'is not known here');
  const source = new Source(extras, header);
  const one = <T>(name: string, choices: Readonly<Record<string, T>>) => fields.choice(...source.text(name), choices);
  request.tier = one('tier', tiers) ?? request.tier;
  request.complexity = one('complexity', complexities) ?? request.complexity;
  request.priority = one('priority', priorities) ?? request.priority;
  request.requestType = fields.text(...source.text('request_type')) ?? '';
  request.idempotencyKey = fields.text(...source.text('idempotency_key')) ?? header(IDEMPOTENCY_HEADER)?.trim() ?? '';
  request.preferredProviders = fields.texts(...source.list('preferred_providers'));
  request.fallbackModels = fields.texts(...source.list('fallback_models'));
  const mode = one('cache', cacheModes);
  if (mode !== undefined) request.cache = create(CachePolicySchema, { mode });
  addLabels(request, extras.labels, fields);
  addProviderOptions(request, extras.provider_options, fields);
}

/** Where a setting is: in the body, or in a header. */
class Source {
  readonly #extras: UnknownObject;
  readonly #header: Header;

  constructor(extras: UnknownObject, header: Header) {
    this.#extras = extras;
    this.#header = header;
  }

  text(name: string): [value: unknown, path: string] {
    const value = this.#extras[name];
    if (value !== undefined && value !== null) return [value, `antiphon.${name}`];
    const path = headerName(name);
    return [this.#header(path)?.trim() || undefined, path];
  }

  list(name: string): [value: unknown, path: string] {
    const [value, path] = this.text(name);
    const isHeader = path === headerName(name) && typeof value === 'string';
    return [isHeader ? value.split(',').map((each) => each.trim()) : value, path];
  }
}

const headerName = (name: string): string => `x-antiphon-${name.replaceAll('_', '-')}`;

/** A key that would not become one. */
const isPossible = (key: string): boolean => key !== '__proto__';

function addLabels(request: CompleteRequest, value: unknown, fields: Fields): void {
  for (const [key, label] of Object.entries(fields.object(value, 'antiphon.labels') ?? {})) {
    const text = fields.text(label, `antiphon.labels.${key}`);
    if (text !== undefined && isPossible(key)) request.labels[key] = text;
  }
}

function addProviderOptions(request: CompleteRequest, value: unknown, fields: Fields): void {
  for (const [provider, options] of Object.entries(fields.object(value, 'antiphon.provider_options') ?? {})) {
    const object = fields.object(options, `antiphon.provider_options.${provider}`);
    if (object && isPossible(provider)) request.providerOptions[provider] = object as JsonObject;
  }
}
