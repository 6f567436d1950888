import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../../core/clock.ts';
import type { Inbound, LlmService } from '../../services/service.ts';
import { EventStream } from '../event-stream.ts';
import { replyJson } from '../http-call.ts';
import type { HttpResponse } from '../http-message.ts';
import type { Reply, ReplyHeaders } from '../rpc.ts';
import type { RpcStatus } from '../status.ts';
import type { ChatRequest } from './chat-request.ts';
import { Chunks } from './chunks.ts';
import { completionBody } from './completion.ts';
import { httpFailure } from './failure.ts';

/** Answers one request for a chat completion: with a body, or with a stream. */
export class ChatReply implements Reply<void> {
  readonly #response: HttpResponse;
  readonly #clock: Clock;
  readonly #createdS: number;
  #answer: CompleteResponse | undefined;
  #events: EventStream | undefined;

  constructor(response: HttpResponse, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    this.#createdS = Math.floor(clock.wallMs() / 1000);
  }

  /** Has the request done; a stream is written on the way. */
  async serve(service: LlmService, chat: ChatRequest, inbound: Inbound, headers: ReplyHeaders): Promise<void> {
    if (chat.isStream) return this.#stream(service, chat, inbound, headers);
    const answer = await service.complete(chat.request, inbound);
    answer.warnings = [...chat.warnings, ...answer.warnings];
    this.#answer = answer;
  }

  ok(_: unknown, headers: ReplyHeaders): void {
    if (this.#answer) replyJson(this.#response, 200, headers, completionBody(this.#answer, this.#createdS));
    else this.#events?.end(Chunks.done);
  }

  /** In the middle of a stream, an error is its last event, without the one that would say that it is whole. */
  error(status: RpcStatus, headers: ReplyHeaders): void {
    const failure = httpFailure(status);
    if (this.#events?.hasBegun) return this.#events.end(`data: ${JSON.stringify(failure.body)}\n\n`);
    this.#events?.release();
    replyJson(this.#response, failure.status, { ...headers, ...failure.headers }, failure.body);
  }

  #stream(service: LlmService, chat: ChatRequest, inbound: Inbound, headers: ReplyHeaders): Promise<void> {
    const chunks = new Chunks(this.#createdS, chat);
    const events = new EventStream(this.#response, this.#clock, headers);
    this.#events = events;
    return service.streamComplete(chat.request, inbound, {
      write: (message) => events.write(chunks.of(message)),
      drained: () => events.drained(),
    });
  }
}
