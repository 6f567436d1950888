import type { DescService } from '@bufbuild/protobuf';
import {
  ConnectError,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import { AdminService as AdminServiceDesc } from '#gen/antiphon/v1/admin_service_pb.js';
import type { CallContext, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService as LlmServiceDesc } from '#gen/antiphon/v1/llm_service_pb.js';
import type { Caller } from '../core/call.ts';
import type { GatewayError } from '../core/errors.ts';
import type { AdminMethod, AdminService } from '../services/admin-service.ts';
import type { Inbound, LlmService } from '../services/service.ts';
import { loggedError } from '../telemetry/plain-text.ts';
import { answerJson, type HttpEntrance, type HttpRequest, type HttpResponse } from './http-message.ts';
import { jsonOptionsFor } from './json-requests.ts';
import { isCompletion, isTraced } from './open-methods.ts';
import type { PlainService } from './plain.ts';
import { type RefusalParts, type RefusedArrival, refuseCall } from './refusal.ts';
import type { Arrival, Calls, Reply, ReplyHeaders, Work } from './rpc.ts';
import type { DoorSettings, DoorTools, Services } from './settings.ts';
import { type RpcStatus, statusOf } from './status.ts';
import { StreamBridge } from './stream-bridge.ts';

/** The longest timeout a caller may give, in milliseconds: 24 hours. A longer one is refused. */
export const MAX_TIMEOUT_MS = 24 * 3600 * 1000;

/** Who calls. Set for every request that is let in. */
const callerKey = createContextKey<Caller | undefined>(undefined);
/** Why a request is not let in. */
const refusalKey = createContextKey<GatewayError | undefined>(undefined);

/** Serves Connect, gRPC-Web and gRPC. Takes every request whose path is that of a method. */
export function connectEntrance(
  settings: Pick<DoorSettings, 'maxMessageBytes'>,
  { service, admin }: Services,
  plain: readonly PlainService[],
  calls: Calls,
  tools: DoorTools,
): HttpEntrance {
  const handlers = new Map<string, UniversalHandler>();
  const add = (desc: DescService, methods: Readonly<Record<string, unknown>>) => {
    for (const method of desc.methods) {
      const router = createConnectRouter({
        acceptCompression: [compressionGzip, compressionBrotli],
        readMaxBytes: settings.maxMessageBytes,
        maxTimeoutMs: MAX_TIMEOUT_MS,
        jsonOptions: jsonOptionsFor(method.input),
        requestGate: gate({ calls, service }, tools),
      });
      router.rpc(method, methods[method.localName] as never);
      for (const handler of router.handlers) handlers.set(handler.requestPath, handler);
    }
  };
  const starter = callStarter(calls, tools);
  add(LlmServiceDesc, llmMethods(service, starter));
  if (admin) add(AdminServiceDesc, adminMethods(admin, starter));
  for (const { desc, methods } of plain) add(desc, methods);
  const handle = nodeHandler(handlers, tools);
  return {
    serve: (request, response, path, caller) =>
      handle(request, response, path, createContextValues().set(callerKey, caller)),
    refuse: (request, response, path, error) =>
      handle(request, response, path, createContextValues().set(refusalKey, error)),
  };
}

/** Stops what is not let in before its body is read. Only calls of the contract are traced. */
const gate =
  (parts: RefusalParts, { redact }: DoorTools) =>
  (ctx: HandlerContext): undefined | Promise<never> => {
    const refusal = ctx.values.get(refusalKey);
    if (!refusal) return undefined;
    const arrival = arrivalFacts(ctx);
    if (!isTraced(arrival.method)) throw connectError(statusOf(refusal, redact), ctx);
    return new Promise((_, reject) => {
      refuseCall(parts, arrival, refusal, isCompletion(arrival.method), {
        ok: () => undefined,
        error(status, headers) {
          setHeaders(ctx, headers);
          reject(connectError(status, ctx));
        },
      });
    });
  };

/**
 * Instead of connectNodeAdapter, which throws into the server on a request whose host is not a host, and on a failure
 * writes to the console and leaves the caller waiting.
 */
function nodeHandler(handlers: ReadonlyMap<string, UniversalHandler>, { log, redact }: DoorTools) {
  return (request: HttpRequest, response: HttpResponse, path: string, values: ContextValues): boolean => {
    const handler = handlers.get(path);
    if (!handler) return false;
    const universal = universalRequest(request, response, values);
    if (!universal) {
      answerJson(response, 400, { code: 'invalid_argument', message: 'The request has no valid host.' });
      return true;
    }
    handler(universal)
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((thrown: unknown) => {
        if (response.destroyed || response.writableEnded) return;
        log.error({ path, error: loggedError(thrown, redact) }, 'a call could not be answered');
        if (response.headersSent) request.destroy();
        else answerJson(response, 500, { code: 'internal', message: 'internal error' });
      });
    return true;
  };
}

/** Undefined: the request's host is not a host. */
function universalRequest(
  request: HttpRequest,
  response: HttpResponse,
  values: ContextValues,
): UniversalServerRequest | undefined {
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    // Not its own iterator, which destroys a request that is refused before it was read to the end.
    return { ...universal, body: request.iterator({ destroyOnReturn: false }) };
  } catch {
    return undefined;
  }
}

type Start = <A>(ctx: HandlerContext, fields: CallContext | undefined, work: Work<A>, reply: Reply<A>) => () => void;

/** Begins calls, and ends them when their callers leave. What it gives is to be told that the caller is gone. */
const callStarter =
  (calls: Calls, { clock }: DoorTools): Start =>
  (ctx, fields, work, reply) => {
    const remainingMs = ctx.timeoutMs();
    const deadlineMs = remainingMs === undefined ? undefined : clock.now() + remainingMs;
    const running = calls.run(arrival(ctx, fields, deadlineMs), work, reply);
    const gone = () => running.callerGone();
    if (ctx.signal.aborted) gone();
    else ctx.signal.addEventListener('abort', gone, { once: true });
    return gone;
  };

const unary =
  <Q, A>(
    start: Start,
    fields: (request: Q) => CallContext | undefined,
    work: (request: Q, inbound: Inbound) => Promise<A>,
  ) =>
  (request: Q, ctx: HandlerContext): Promise<A> =>
    new Promise((resolve, reject) => {
      start<A>(ctx, fields(request), (inbound) => work(request, inbound), {
        ok(answer, headers) {
          setHeaders(ctx, headers);
          resolve(answer);
        },
        error(status, headers) {
          setHeaders(ctx, headers);
          reject(connectError(status, ctx));
        },
      });
    });

const none = () => undefined;

function llmMethods(
  service: LlmService,
  start: Start,
): Required<Pick<ServiceImpl<typeof LlmServiceDesc>, 'complete' | 'streamComplete' | 'listModels' | 'health'>> {
  return {
    complete: unary(
      start,
      (request) => request.context,
      (request, inbound) => service.complete(request, inbound),
    ),
    streamComplete(request, ctx) {
      const bridge = new StreamBridge<StreamCompleteResponse>(() => gone());
      const work: Work<void> = (inbound, headers) => {
        setHeaders(ctx, headers);
        return service.streamComplete(request, inbound, bridge);
      };
      const gone = start(ctx, request.context, work, {
        ok: () => bridge.end(),
        error: (status) => bridge.fail(connectError(status, ctx)),
      });
      return bridge;
    },
    listModels: unary(start, none, (request, inbound) => service.listModels(request, inbound)),
    health: unary(start, none, (request, inbound) => service.health(request, inbound)),
  };
}

const adminMethods = (service: AdminService, start: Start) =>
  Object.fromEntries(
    (Object.keys(AdminServiceDesc.method) as AdminMethod[]).map((name) => [
      name,
      unary<never, unknown>(start, none, (request, inbound) => service[name](request, inbound)),
    ]),
  );

function arrival(ctx: HandlerContext, fields: CallContext | undefined, deadlineMs: number | undefined): Arrival {
  const caller = ctx.values.get(callerKey);
  if (!caller) throw new Error('a request came in without a caller');
  return { ...arrivalFacts(ctx), caller, fields, deadlineMs };
}

const arrivalFacts = ({ method, protocolName, requestHeader }: HandlerContext): RefusedArrival => ({
  method: `${method.parent.typeName}/${method.name}`,
  system: protocolName === 'connect' ? 'connectrpc' : 'grpc',
  header: (name) => requestHeader.get(name) ?? undefined,
});

function setHeaders({ responseHeader }: HandlerContext, headers: ReplyHeaders): void {
  for (const [name, value] of Object.entries(headers)) responseHeader.set(name, value);
}

function connectError(status: RpcStatus, { protocolName }: HandlerContext): ConnectError {
  const { code, message, details, retryAfterMs } = status;
  return new ConnectError(message, code, retryHeaders(retryAfterMs, protocolName), [...details]);
}

function retryHeaders(retryAfterMs: number | undefined, protocolName: string): Record<string, string> {
  if (retryAfterMs === undefined) return {};
  if (protocolName !== 'connect') return { 'grpc-retry-pushback-ms': String(retryAfterMs) };
  return { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
}
