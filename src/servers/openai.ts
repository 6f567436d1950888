import type { Caller } from '../core/call.ts';
import type { LlmService } from '../services/service.ts';
import { checkTimeout, type HttpCallParts, headerOf, readOrRecord, replyJson, runHttpCall } from './http-call.ts';
import type { HttpEntrance, HttpRequest, HttpResponse } from './http-message.ts';
import { ChatReply } from './openai/chat-reply.ts';
import { chatRequest } from './openai/chat-request.ts';
import { httpFailure } from './openai/failure.ts';
import { allowedModels, modelBody, modelsBody, namedModel } from './openai/models.ts';
import { refuseCall } from './refusal.ts';
import { objectFrom, readText } from './request-body.ts';
import type { Reply, Work } from './rpc.ts';
import type { DoorSettings, DoorTools } from './settings.ts';

export interface OpenAiDoor extends HttpCallParts {
  readonly settings: Pick<DoorSettings, 'maxMessageBytes'>;
  readonly service: LlmService;
  readonly tools: DoorTools;
}

const PREFIX = '/v1/';
const CHAT = '/v1/chat/completions';
const MODELS = '/v1/models';

/** A request of a caller, and where its answer goes. */
interface Visit {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly caller: Caller;
}

type Route = (door: OpenAiDoor, visit: Visit, rest: string) => void;

/** Serves what OpenAI's clients ask for: chat completions, and the models that may be called. Takes all of `/v1/`. */
export function openAiEntrance(door: OpenAiDoor): HttpEntrance {
  const serve: HttpEntrance['serve'] = (request, response, path, caller) => {
    if (!path.startsWith(PREFIX)) return false;
    const [method, route] = routeOf(path);
    if (!route) refuse(response, 404, 'There is nothing at this path, but at /v1/chat/completions and /v1/models.');
    else if (request.method !== method) refuse(response, 405, `This path takes ${method} only.`, { allow: method });
    else route(door, { request, response, caller }, path.slice(MODELS.length + 1));
    return true;
  };
  return {
    serve,
    refuse(request, response, path, error) {
      if (!path.startsWith(PREFIX)) return false;
      const arrival = { method: routeName(path), system: 'http', header: headerOf(request) } as const;
      refuseCall(door, arrival, error, path === CHAT, jsonReply(response));
      return true;
    },
  };
}

/** The method and the path, without what callers write into it. */
function routeName(path: string): string {
  if (path === CHAT) return `POST ${CHAT}`;
  if (path === MODELS) return `GET ${MODELS}`;
  return path.startsWith(`${MODELS}/`) ? `GET ${MODELS}/{model}` : `GET ${PREFIX}{path}`;
}

function routeOf(path: string): readonly [method: string, route: Route | undefined] {
  if (path === CHAT) return ['POST', chat];
  if (path === MODELS) return ['GET', models];
  return ['GET', path.startsWith(`${MODELS}/`) ? model : undefined];
}

function refuse(response: HttpResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  const code = status === 404 ? 'unknown_url' : 'method_not_allowed';
  replyJson(response, status, headers, { error: { message, type: 'invalid_request_error', param: null, code } });
}

const chat: Route = (door, { request, response, caller }) => {
  const reply = new ChatReply(response, door.tools.clock);
  const answer = (read: () => ReturnType<typeof chatRequest>) => {
    const work: Work<void> = async (inbound, headers) => {
      await reply.serve(door.service, readOrRecord(read, door.service, inbound), inbound, headers);
    };
    runHttpCall(door, request, response, caller, `POST ${CHAT}`, work, reply);
  };
  // Why it is no request is told like any other failure of a call.
  readText(request, door.settings.maxMessageBytes).then(
    (text) =>
      answer(() => {
        checkTimeout(request);
        return chatRequest(objectFrom(text), headerOf(request));
      }),
    (thrown) =>
      answer(() => {
        throw thrown;
      }),
  );
};

const models: Route = (door, { request, response, caller }) =>
  runHttpCall(
    door,
    request,
    response,
    caller,
    `GET ${MODELS}`,
    async (inbound) => modelsBody(await allowedModels(door.service, inbound)),
    jsonReply(response),
  );

const model: Route = (door, { request, response, caller }, rest) =>
  runHttpCall(
    door,
    request,
    response,
    caller,
    `GET ${MODELS}/{model}`,
    async (inbound) => modelBody(namedModel(await allowedModels(door.service, inbound), rest)),
    jsonReply(response),
  );

const jsonReply = (response: HttpResponse): Reply<unknown> => ({
  ok: (body, headers) => replyJson(response, 200, headers, body),
  error(failed, headers) {
    const failure = httpFailure(failed);
    replyJson(response, failure.status, { ...headers, ...failure.headers }, failure.body);
  },
});
