import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Client as ConnectClient,
  type CallOptions as ConnectOptions,
  createClient as createConnectClient,
  type Transport,
} from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { HealthResponse } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { ListModelsRequestSchema, Model } from '#gen/antiphon/v1/model_pb.js';
import { type CallSettings, type CompleteInit, headersOf, headersWithIds, withContext } from './call-context.ts';
import { antiphonError } from './error.ts';
import { CompletionStream } from './stream.ts';

/** Where the gateway is: its HTTP port, for example "http://127.0.0.1:8080"; or a transport that knows. */
export type Place =
  | { readonly baseUrl: string; readonly transport?: undefined }
  | { readonly transport: Transport; readonly baseUrl?: undefined };

export type ClientSettings = Place & CallSettings;

export interface CallOptions extends CallSettings {
  /** Ends the call, and with it the request to the provider. */
  readonly signal?: AbortSignal | undefined;
}

/** Which models to list. Every filter that is set must match. */
export type ModelFilter = Omit<
  MessageInitShape<typeof ListModelsRequestSchema>,
  '$typeName' | '$unknown' | 'pageToken'
>;

/**
 * A client of one gateway. What it gives are messages of the contract.
 *
 * Errors: `AntiphonError`. Nothing is tried again here: the gateway has done so where it makes sense.
 */
export interface AntiphonClient {
  /** Answers a conversation. */
  complete(request: CompleteInit, options?: CallOptions): Promise<CompleteResponse>;
  /** The same in pieces. The call is made when the stream is first read. */
  stream(request: CompleteInit, options?: CallOptions): CompletionStream;
  /** All models that match, of all pages. */
  listModels(filter?: ModelFilter, options?: CallOptions): Promise<Model[]>;
  /** Whether the gateway serves, and in what state its providers are. */
  health(options?: CallOptions): Promise<HealthResponse>;
}

/** A client for Node and for browsers. It holds nothing that needs closing. */
export function createClient(settings: ClientSettings): AntiphonClient {
  const { baseUrl, transport } = settings;
  const rpc = createConnectClient(LlmService, transport ?? createConnectTransport({ baseUrl, useBinaryFormat: true }));
  return {
    complete: async (request, options = {}) =>
      answered(
        options,
        rpc.complete(withContext(request, settings, options), connectOptions(settings, options, headersOf)),
      ),
    stream: (request, options = {}) => {
      const asked = withContext(request, settings, options);
      const how = connectOptions(settings, options, headersOf);
      return new CompletionStream((signal) => rpc.streamComplete(asked, { ...how, signal }), options.signal);
    },
    listModels: async (filter = {}, options = {}) =>
      answered(options, allModels(rpc, filter, connectOptions(settings, options, headersWithIds))),
    health: async (options = {}) =>
      answered(options, rpc.health({}, connectOptions(settings, options, headersWithIds))),
  };
}

async function answered<T>({ signal }: CallOptions, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw antiphonError(thrown, { signal });
  }
}

function connectOptions(all: CallSettings, one: CallOptions, headers: typeof headersOf): ConnectOptions {
  const timeoutMs = one.timeoutMs ?? all.timeoutMs;
  return {
    headers: headers(all, one),
    ...(one.signal ? { signal: one.signal } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** The most that the gateway gives at once. */
const PAGE = 1_000;

async function allModels(
  rpc: ConnectClient<typeof LlmService>,
  filter: ModelFilter,
  options: ConnectOptions,
): Promise<Model[]> {
  const models: Model[] = [];
  let pageToken = '';
  do {
    const page = await rpc.listModels({ pageSize: PAGE, ...filter, pageToken }, options);
    models.push(...page.models);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return models;
}
