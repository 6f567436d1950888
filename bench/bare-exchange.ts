import { create } from '@bufbuild/protobuf';
import type { Dispatcher } from 'undici';
import {
  type CompleteRequest,
  type CompleteResponse,
  CompleteResponseSchema,
  FinishReason,
  Role,
  type StreamCompleteResponse,
  StreamCompleteResponseSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { BarePools } from './bare-pools.ts';

/** What OpenAI's chat format has that a bare proxy looks at. */
interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

interface ChatBody {
  readonly id: string;
  readonly model: string;
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: ChatUsage;
}

interface ChatChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
  readonly usage?: ChatUsage;
}

/** An exchange under way. */
export interface Exchange {
  /** Closes the connection. Nothing is reported any more. */
  cancel(): void;
  /** Reads on after `message` gave false. */
  resume(): void;
}

export interface UnaryListener {
  answer(response: CompleteResponse): void;
  failed(error: Error): void;
}

export interface StreamListener {
  /** False: no room, wait until `resume`. */
  message(message: StreamCompleteResponse): boolean;
  end(): void;
  failed(error: Error): void;
}

/** The least that a proxy to providers can be: no checks, no layers, no bounds. */
export class BareUpstream {
  readonly #pools: BarePools;

  /** Where providers are, in the order of their names. */
  constructor(baseUrls: readonly string[]) {
    this.#pools = new BarePools(baseUrls);
  }

  complete(request: CompleteRequest, listener: UnaryListener): Exchange {
    return this.#dispatch(request, false, new UnaryHandler(listener));
  }

  stream(request: CompleteRequest, listener: StreamListener): Exchange {
    return this.#dispatch(request, true, new StreamHandler(listener));
  }

  #dispatch(request: CompleteRequest, stream: boolean, handler: Handler): Exchange {
    this.#pools.dispatch(request.model, (model) => JSON.stringify(chatRequest(model, request, stream)), handler);
    return handler;
  }
}

const ROLES: Partial<Record<Role, string>> = { [Role.SYSTEM]: 'system', [Role.ASSISTANT]: 'assistant' };

const chatRequest = (model: string, { messages, temperature, maxTokens }: CompleteRequest, stream: boolean) => ({
  model,
  messages: messages.map(({ role, content }) => ({
    role: ROLES[role] ?? 'user',
    content: content.map(({ part }) => (part.case === 'text' ? part.value : '')).join(''),
  })),
  temperature,
  max_tokens: maxTokens,
  stream,
});

abstract class Handler implements Exchange, Dispatcher.DispatchHandler {
  protected controller: Dispatcher.DispatchController | undefined;
  protected cancelled = false;
  protected over = false;

  /** grpc-js says "cancelled" of every call, also of one that ended well. */
  cancel(): void {
    if (this.over) return;
    this.cancelled = true;
    this.controller?.abort(new Error('cancelled'));
  }

  resume(): void {
    this.controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.cancelled) controller.abort(new Error('cancelled'));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (!this.cancelled) this.failed(error);
  }

  /** undici wants it; a bare proxy looks at no status. */
  onResponseStart(): void {}

  abstract failed(error: Error): void;
}

class UnaryHandler extends Handler {
  readonly #listener: UnaryListener;
  readonly #chunks: Buffer[] = [];

  constructor(listener: UnaryListener) {
    super();
    this.#listener = listener;
  }

  onResponseData(_: Dispatcher.DispatchController, bytes: Buffer): void {
    this.#chunks.push(bytes);
  }

  onResponseEnd(): void {
    this.over = true;
    const [only] = this.#chunks;
    const bytes = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
    const { id, model, choices, usage }: ChatBody = JSON.parse(bytes.toString());
    const text = choices[0]?.message.content ?? '';
    this.#listener.answer(response(id, model, usage, text));
  }

  failed(error: Error): void {
    this.#listener.failed(error);
  }
}

class StreamHandler extends Handler {
  readonly #listener: StreamListener;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #sequence = 0n;
  #usage: ChatUsage | undefined;

  constructor(listener: StreamListener) {
    super();
    this.#listener = listener;
  }

  override onResponseStart(): void {
    this.#emit({
      case: 'start',
      value: { $typeName: 'antiphon.v1.Start', id: '', model: '', provider: 'bare', cacheStatus: 0, warnings: [] },
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    let from = 0;
    let room = true;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n', from)) {
      room = this.#event(text.slice(from + 'data: '.length, end)) && room;
      from = end + 2;
    }
    this.#rest = text.slice(from);
    if (!room) controller.pause();
  }

  onResponseEnd(): void {
    this.over = true;
    this.#emit({ case: 'completed', value: response('', '', this.#usage) });
    this.#listener.end();
  }

  failed(error: Error): void {
    this.#listener.failed(error);
  }

  #event(data: string): boolean {
    if (data === '[DONE]') return true;
    const { choices, usage }: ChatChunk = JSON.parse(data);
    if (usage) this.#usage = usage;
    const text = choices[0]?.delta.content;
    return text ? this.#emit({ case: 'textDelta', value: { $typeName: 'antiphon.v1.TextDelta', text } }) : true;
  }

  #emit(event: StreamCompleteResponse['event']): boolean {
    return this.#listener.message(create(StreamCompleteResponseSchema, { sequence: this.#sequence++, event }));
  }
}

const response = (id: string, model: string, usage?: ChatUsage, text?: string): CompleteResponse =>
  create(CompleteResponseSchema, {
    id,
    model,
    provider: 'bare',
    content: text === undefined ? [] : [{ part: { case: 'text', value: text } }],
    finishReason: FinishReason.STOP,
    usage: {
      inputTokens: BigInt(usage?.prompt_tokens ?? 0),
      outputTokens: BigInt(usage?.completion_tokens ?? 0),
      totalTokens: BigInt(usage?.total_tokens ?? 0),
    },
  });
