import { create } from '@bufbuild/protobuf';
import {
  ListProvidersResponseSchema,
  type ProviderInfo,
  ProviderInfoSchema,
  TestProviderResponseSchema,
} from '#gen/antiphon/v1/admin_service_pb.js';
import type { ProviderHealth } from '#gen/antiphon/v1/health_pb.js';
import type { Clock } from '../../core/clock.ts';
import { duration } from '../../core/duration.ts';
import { GatewayError, toGatewayError } from '../../core/errors.ts';
import type { AdminGroup } from '../admin-service.ts';

/** A provider that is switched on. */
export interface KnownProvider {
  readonly name: string;
  readonly kind: string;
  /** Undefined: it is asked nothing over the network. */
  readonly baseUrl: URL | undefined;
  /** Their names, and nothing else of them. */
  readonly keyNames: readonly string[];
  /** How many models of it may be called. */
  readonly models: number;
  readonly health: ProviderHealth;
}

/** `nothing_to_ask`: it has no list of models. `unknown`: it is not switched on. */
export type Asked = 'answered' | 'nothing_to_ask' | 'unknown';

export interface ProvidersParts {
  /** In any order. */
  readonly on: () => readonly KnownProvider[];
  /** The names of those that are configured and lack something. */
  readonly off: () => readonly string[];
  /**
   * Asks a provider for its list of models, for a bounded time. Errors: what it failed with, as GatewayError. Aborts:
   * rejects with the signal's reason.
   */
  readonly ask: (provider: string, signal: AbortSignal) => Promise<Asked>;
  readonly clock: Pick<Clock, 'now'>;
}

/** What is to be seen of providers, and whether they work. */
export function providersAdmin(parts: ProvidersParts): AdminGroup<'listProviders' | 'testProvider'> {
  return {
    async listProviders() {
      const providers = parts.on().toSorted((one, other) => (one.name < other.name ? -1 : 1));
      return create(ListProvidersResponseSchema, { providers: providers.map(infoOf), off: parts.off().toSorted() });
    },

    async testProvider({ provider }, { signal }) {
      const startedMs = parts.clock.now();
      const failure = await failureOf(provider, parts, signal);
      return create(TestProviderResponseSchema, {
        succeeded: failure === undefined,
        ...(failure && { errorReason: failure.rule.reason, message: failure.message }),
        duration: duration(parts.clock.now() - startedMs),
      });
    },
  };
}

/** What the provider failed with. Errors: those of the call. */
async function failureOf(
  provider: string,
  { ask }: ProvidersParts,
  signal: AbortSignal,
): Promise<GatewayError | undefined> {
  const asked = await ask(provider, signal).catch((thrown: unknown) => {
    const error = toGatewayError(thrown);
    if (signal.aborted || error.kind === 'internal') throw thrown;
    return error;
  });
  if (asked === 'unknown') throw notThere();
  if (asked === 'nothing_to_ask') throw nothingToAsk();
  return asked === 'answered' ? undefined : asked;
}

const infoOf = ({ baseUrl, keyNames, ...known }: KnownProvider): ProviderInfo =>
  create(ProviderInfoSchema, { ...known, host: baseUrl ? hostOf(baseUrl) : '', keys: [...keyNames] });

/** Of the address no more than that: what else is in it may be secret. */
const hostOf = ({ hostname, port, protocol }: URL): string =>
  `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;

const notThere = () =>
  new GatewayError(
    'not_found',
    'No provider of that name is switched on. ListProviders has the names of those that are.',
  );

const nothingToAsk = () =>
  new GatewayError(
    'failed_precondition',
    'This provider has no list of models to ask for. Call one of its models to see whether it works.',
  );
