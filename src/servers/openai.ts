import type { LlmService } from '../services/service.ts';
import { checkTimeout, type HttpCallParts, headerOf, readOrRecord, replyJson, runHttpCall } from './http-call.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http-message.ts';
import { ChatReply } from './openai/chat-reply.ts';
import { chatRequest } from './openai/chat-request.ts';
import { httpFailure } from './openai/failure.ts';
import { allowedModels, modelBody, modelsBody, namedModel } from './openai/models.ts';
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

type Route = (door: OpenAiDoor, request: HttpRequest, response: HttpResponse, rest: string) => void;

/** Serves what OpenAI's clients ask for: chat completions, and the models that may be called. Takes all of `/v1/`. */
export function openAiHandler(door: OpenAiDoor): HttpHandler {
  return (request, response, path) => {
    if (!path.startsWith(PREFIX)) return false;
    const [method, route] = routeOf(path);
    if (!route) refuse(response, 404, 'There is nothing at this path, but at /v1/chat/completions and /v1/models.');
    else if (request.method !== method) refuse(response, 405, `This path takes ${method} only.`, { allow: method });
    else route(door, request, response, path.slice(MODELS.length + 1));
    return true;
  };
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

const chat: Route = (door, request, response) => {
  const reply = new ChatReply(response, door.tools.clock);
  const answer = (read: () => ReturnType<typeof chatRequest>) => {
    const work: Work<void> = async (inbound, headers) => {
      await reply.serve(door.service, readOrRecord(read, door.service, inbound), inbound, headers);
    };
    runHttpCall(door, request, response, `POST ${CHAT}`, work, reply);
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

const models: Route = (door, request, response) =>
  runHttpCall(
    door,
    request,
    response,
    `GET ${MODELS}`,
    async (inbound) => modelsBody(await allowedModels(door.service, inbound)),
    jsonReply(response),
  );

const model: Route = (door, request, response, rest) =>
  runHttpCall(
    door,
    request,
    response,
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
