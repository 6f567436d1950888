import { type DescMessage, fromJson, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import { type CallContext, CompleteRequestSchema, CompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { HealthRequestSchema, HealthResponseSchema } from '#gen/antiphon/v1/health_pb.js';
import { ListModelsRequestSchema, ListModelsResponseSchema } from '#gen/antiphon/v1/model_pb.js';
import { GatewayError } from '../../core/errors.ts';
import type { UnknownObject } from '../../core/json.ts';
import { may } from '../../core/roles.ts';
import type { Inbound, LlmService } from '../../services/service.ts';
import { readOrRecord } from '../http-call.ts';
import { explain } from '../json-requests.ts';

/** Counters of each provider and model, as JSON. */
export type MetricsSnapshot = () => JsonValue;

/** Does what a method says, with params and a result in the JSON of the contract. */
export type RpcMethod = (params: UnknownObject, inbound: Inbound) => Promise<JsonValue>;

/** The methods of the service, by their names in JSON-RPC. Errors: those of the service. */
export const rpcMethods = (service: LlmService, metrics: MetricsSnapshot): ReadonlyMap<string, RpcMethod> =>
  new Map<string, RpcMethod>([
    [
      'llm.complete',
      async (params, inbound) => {
        const request = messageFrom(CompleteRequestSchema, params, service, inbound);
        return toJson(CompleteResponseSchema, await service.complete(request, inbound));
      },
    ],
    [
      'llm.models',
      async (params, inbound) => {
        const request = messageFrom(ListModelsRequestSchema, params, service, inbound);
        return toJson(ListModelsResponseSchema, await service.listModels(request, inbound));
      },
    ],
    [
      'llm.health',
      async (params, inbound) => {
        const request = messageFrom(HealthRequestSchema, params, service, inbound);
        return toJson(HealthResponseSchema, await service.health(request, inbound));
      },
    ],
    [
      'llm.metrics',
      async (_params, { caller }) => {
        if (!may(caller.roles, 'watch')) throw mayNotWatch();
        return { series: metrics() };
      },
    ],
  ]);

const mayNotWatch = () =>
  new GatewayError(
    'permission_denied',
    'This key may not see what others do. Use one with the role "viewer" or "admin".',
  );

/** The ids that the params of `llm.complete` have; of other methods, none. */
export function contextOf(params: UnknownObject): CallContext | undefined {
  if (params.context === undefined) return undefined;
  try {
    return fromJson(CompleteRequestSchema, { context: params.context as JsonValue }, options).context;
  } catch {
    return undefined;
  }
}

const options = { ignoreUnknownFields: true };

function messageFrom<D extends DescMessage>(
  desc: D,
  params: UnknownObject,
  service: LlmService,
  inbound: Inbound,
): MessageShape<D> {
  const read = () => {
    try {
      return fromJson(desc, params as JsonValue, options);
    } catch (thrown) {
      throw new GatewayError('invalid_request', explain(thrown));
    }
  };
  return readOrRecord(read, service, inbound);
}
