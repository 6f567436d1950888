import type { JsonValue } from '@bufbuild/protobuf';
import type { Caller } from '../core/call.ts';
import { toGatewayError } from '../core/errors.ts';
import { tryParseJson } from '../core/json.ts';
import type { LlmService } from '../services/service.ts';
import {
  checkTimeout,
  type HttpCallParts,
  headerOf,
  httpArrival,
  readOrRecord,
  replyJson,
  whenGone,
} from './http-call.ts';
import type { HttpEntrance, HttpRequest, HttpResponse } from './http-message.ts';
import { rpcError } from './json-rpc/errors.ts';
import {
  errorResponse,
  type RpcRequest,
  type RpcResponse,
  resultResponse,
  rpcErrors,
  rpcRequest,
} from './json-rpc/message.ts';
import { contextOf, type MetricsSnapshot, type RpcMethod, rpcMethods } from './json-rpc/methods.ts';
import { refuseCall } from './refusal.ts';
import { readText } from './request-body.ts';
import type { Reply, ReplyHeaders, Running } from './rpc.ts';
import type { DoorSettings, DoorTools } from './settings.ts';
import { statusOf } from './status.ts';

export interface JsonRpcDoor extends HttpCallParts {
  readonly settings: Pick<DoorSettings, 'maxMessageBytes'>;
  readonly service: LlmService;
  readonly tools: DoorTools;
  readonly metrics: MetricsSnapshot;
}

const PATH = '/rpc';

/** The most requests of a batch. */
const MAX_BATCH = 50;

/** Serves JSON-RPC 2.0, single requests and batches, whose requests run at once. */
export function jsonRpcEntrance(door: JsonRpcDoor): HttpEntrance {
  const methods = rpcMethods(door.service, door.metrics);
  return {
    serve(request, response, path, caller) {
      if (path !== PATH) return false;
      if (request.method === 'POST') void serve({ ...door, caller }, methods, request, response);
      else replyJson(response, 405, { allow: 'POST' }, errorResponse(null, rpcErrors.request));
      return true;
    },
    refuse(request, response, path, error) {
      if (path !== PATH) return false;
      const arrival = { method: `POST ${PATH}`, system: 'http', header: headerOf(request) } as const;
      refuseCall(door, arrival, error, true, refusalReply(response));
      return true;
    },
  };
}

/** What was asked has not been read, and so has no id. */
const refusalReply = (response: HttpResponse): Reply<never> => ({
  ok: () => undefined,
  error: (status, headers) => replyJson(response, status.http, headers, errorResponse(null, rpcError(status))),
});

/** The door as one caller has it. */
interface Visited extends JsonRpcDoor {
  readonly caller: Caller;
}

async function serve(
  door: Visited,
  methods: ReadonlyMap<string, RpcMethod>,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const body = await readText(request, door.settings.maxMessageBytes).then(tryParseJson, toGatewayError);
  if (body instanceof Error) {
    const status = statusOf(toGatewayError(body), door.tools.redact);
    return replyJson(response, 200, {}, errorResponse(null, { ...rpcError(status), code: rpcErrors.request.code }));
  }
  const running = new RunningBatch(door, methods, request);
  whenGone(response, () => running.callerGone());
  const answers = await running.answers(Array.isArray(body) ? body : [body], Array.isArray(body));
  if (Array.isArray(answers) ? answers.length > 0 : answers) replyJson(response, 200, running.headers, answers);
  else replyNothing(response, running.headers);
}

/** All were notifications. */
function replyNothing(response: HttpResponse, headers: ReplyHeaders): void {
  if (response.destroyed) return;
  response.writeHead(204, headers);
  response.end();
}

/** The requests of one body, being worked on. */
class RunningBatch {
  /** Those of a single request; a batch has none of its own. */
  headers: ReplyHeaders = {};
  readonly #door: Visited;
  readonly #methods: ReadonlyMap<string, RpcMethod>;
  readonly #request: HttpRequest;
  readonly #calls: Running[] = [];

  constructor(door: Visited, methods: ReadonlyMap<string, RpcMethod>, request: HttpRequest) {
    this.#door = door;
    this.#methods = methods;
    this.#request = request;
  }

  callerGone(): void {
    for (const call of this.#calls) call.callerGone();
  }

  /** What to send: one answer, or those of a batch; undefined or none: nothing. */
  async answers(messages: readonly unknown[], isBatch: boolean): Promise<RpcResponse | RpcResponse[] | undefined> {
    if (messages.length === 0 || messages.length > MAX_BATCH) return errorResponse(null, rpcErrors.request);
    const answers = await Promise.all(messages.map((message) => this.#answer(message)));
    const given = answers.filter((answer) => answer !== undefined);
    if (isBatch) this.headers = {};
    return isBatch ? given : given[0];
  }

  async #answer(message: unknown): Promise<RpcResponse | undefined> {
    if (message === undefined) return errorResponse(null, rpcErrors.parse);
    const request = rpcRequest(message);
    if ('jsonrpc' in request) return request;
    const method = this.#methods.get(request.method);
    const answer = method ? await this.#run(request, method) : errorResponse(request.id ?? null, rpcErrors.method);
    return request.id === undefined ? undefined : answer;
  }

  #run({ id = null, method, params }: RpcRequest, work: RpcMethod): Promise<RpcResponse> {
    const { calls, tools, caller } = this.#door;
    const arrival = {
      ...httpArrival(this.#request, method, 'jsonrpc', caller, tools.clock),
      fields: contextOf(params),
    };
    return new Promise((resolve) => {
      const running = calls.run<JsonValue>(
        arrival,
        async (inbound) => {
          readOrRecord(() => checkTimeout(this.#request), this.#door.service, inbound);
          return work(params, inbound);
        },
        {
          ok: (result, headers) => {
            this.headers = headers;
            resolve(resultResponse(id, result));
          },
          error: (status, headers) => {
            this.headers = headers;
            resolve(errorResponse(id, rpcError(status)));
          },
        },
      );
      this.#calls.push(running);
    });
  }
}
