import type { DescService } from '@bufbuild/protobuf';
import { ConnectError, createConnectRouter, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { CallContext, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService as LlmServiceDesc } from '#gen/antiphon/v1/llm_service_pb.js';
import type { Inbound, LlmService } from '../services/service.ts';
import { loggedError } from '../telemetry/plain-text.ts';
import { answerJson, type HttpHandler, type HttpRequest, type HttpResponse } from './http-message.ts';
import { jsonOptionsFor } from './json-requests.ts';
import type { PlainService } from './plain.ts';
import type { Arrival, Calls, Reply, ReplyHeaders, Work } from './rpc.ts';
import type { DoorSettings, DoorTools } from './settings.ts';
import type { RpcStatus } from './status.ts';
import { StreamBridge } from './stream-bridge.ts';

/** The longest timeout a caller may give, in milliseconds: 24 hours. A longer one is refused. */
export const MAX_TIMEOUT_MS = 24 * 3600 * 1000;

/** Serves Connect, gRPC-Web and gRPC. Takes every request whose path is that of a method. */
export function connectHandler(
  settings: Pick<DoorSettings, 'maxMessageBytes'>,
  service: LlmService,
  plain: readonly PlainService[],
  calls: Calls,
  tools: DoorTools,
): HttpHandler {
  const handlers = new Map<string, UniversalHandler>();
  const add = (desc: DescService, methods: Readonly<Record<string, unknown>>) => {
    for (const method of desc.methods) {
      const router = createConnectRouter({
        acceptCompression: [compressionGzip, compressionBrotli],
        readMaxBytes: settings.maxMessageBytes,
        maxTimeoutMs: MAX_TIMEOUT_MS,
        jsonOptions: jsonOptionsFor(method.input),
      });
      router.rpc(method, methods[method.localName] as never);
      for (const handler of router.handlers) handlers.set(handler.requestPath, handler);
    }
  };
  add(LlmServiceDesc, llmMethods(service, calls, tools));
  for (const { desc, methods } of plain) add(desc, methods);
  return nodeHandler(handlers, tools);
}

/**
 * Instead of connectNodeAdapter, which throws into the server on a request whose host is not a host, and on a failure
 * writes to the console and leaves the caller waiting.
 */
function nodeHandler(handlers: ReadonlyMap<string, UniversalHandler>, { log, redact }: DoorTools): HttpHandler {
  return (request, response, path) => {
    const handler = handlers.get(path);
    if (!handler) return false;
    const universal = universalRequest(request, response);
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
function universalRequest(request: HttpRequest, response: HttpResponse): UniversalServerRequest | undefined {
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    // Not its own iterator, which destroys a request that is refused before it was read to the end.
    return { ...universal, body: request.iterator({ destroyOnReturn: false }) };
  } catch {
    return undefined;
  }
}

function llmMethods(
  service: LlmService,
  calls: Calls,
  { clock }: DoorTools,
): Required<Pick<ServiceImpl<typeof LlmServiceDesc>, 'complete' | 'streamComplete' | 'listModels' | 'health'>> {
  const start = <A>(ctx: HandlerContext, fields: CallContext | undefined, work: Work<A>, reply: Reply<A>) => {
    const remainingMs = ctx.timeoutMs();
    const deadlineMs = remainingMs === undefined ? undefined : clock.now() + remainingMs;
    const running = calls.run(arrival(ctx, fields, deadlineMs), work, reply);
    const gone = () => running.callerGone();
    if (ctx.signal.aborted) gone();
    else ctx.signal.addEventListener('abort', gone, { once: true });
    return gone;
  };
  const unary =
    <Q, A>(fields: (request: Q) => CallContext | undefined, work: (request: Q, inbound: Inbound) => Promise<A>) =>
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
  return {
    complete: unary(
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
    listModels: unary(none, (request, inbound) => service.listModels(request, inbound)),
    health: unary(none, (request, inbound) => service.health(request, inbound)),
  };
}

const arrival = (
  { method, protocolName, requestHeader }: HandlerContext,
  fields: CallContext | undefined,
  deadlineMs: number | undefined,
): Arrival => ({
  method: `${method.parent.typeName}/${method.name}`,
  system: protocolName === 'connect' ? 'connectrpc' : 'grpc',
  fields,
  header: (name) => requestHeader.get(name) ?? undefined,
  deadlineMs,
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
