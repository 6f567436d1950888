import type { CompleteResponse, StreamCompleteResponse, ToolCallDelta } from '#gen/antiphon/v1/completion_pb.js';
import { Fold } from '../../core/fold.ts';
import type { ChatRequest } from './chat-request.ts';
import { completionId, factsBody, finishWord, modelName, usageBody } from './completion.ts';
import { stateOf } from './state.ts';

type DeltaEvent = Exclude<StreamCompleteResponse['event'], { case: 'start' | 'completed' | undefined }>;

/**
 * Turns the messages of a stream into server-sent events of OpenAI's format. The first has the role, since strict
 * accumulators demand one; the last has the finish reason; the usage comes after it, if it was asked for.
 */
export class Chunks {
  readonly #created: number;
  readonly #chat: Pick<ChatRequest, 'includesUsage' | 'warnings'>;
  readonly #fold = new Fold();
  #hasRole = false;
  /** Around each delta. */
  #before = '';
  readonly #after: string;

  /** `created`: in seconds since 1970. */
  constructor(created: number, chat: Pick<ChatRequest, 'includesUsage' | 'warnings'>) {
    this.#created = created;
    this.#chat = chat;
    this.#after = `,"logprobs":null,"finish_reason":null}]${this.#usageField}}\n\n`;
  }

  /** What to send for this message. */
  of({ event }: StreamCompleteResponse): string {
    switch (event.case) {
      case 'start':
        this.#before = this.#opening(event.value);
        return '';
      case 'completed':
        return this.#ending(event.value);
      case undefined:
        return '';
      default:
        this.#fold.add(event);
        return this.#delta(event);
    }
  }

  /** What ends a stream that is whole. */
  static readonly done = 'data: [DONE]\n\n';

  #opening({ id, ...target }: Pick<CompleteResponse, 'id' | 'provider' | 'model'>): string {
    const facts = { id: completionId(id), object: 'chat.completion.chunk', created: this.#created };
    return `data: ${JSON.stringify({ ...facts, model: modelName(target) }).slice(0, -1)},"choices":[`;
  }

  /** The first one has the role, and `content` in any case. */
  #delta(event: DeltaEvent): string {
    const fields = deltaFields(event);
    if (this.#hasRole) return this.#chunk(fields);
    this.#hasRole = true;
    const content = event.case === 'textDelta' ? '' : '"content":null,';
    return this.#chunk(`"role":"assistant",${content}${fields}`);
  }

  #chunk(fields: string): string {
    return `${this.#before}{"index":0,"delta":{${fields}}${this.#after}`;
  }

  #ending(completed: CompleteResponse): string {
    const { warnings, includesUsage } = this.#chat;
    const response = { ...completed, warnings: [...warnings, ...completed.warnings] };
    const state = stateOf(this.#fold.parts);
    const delta = state ? { antiphon: state } : {};
    const choice = { index: 0, delta, logprobs: null, finish_reason: finishWord(response) };
    const first = this.#hasRole ? '' : this.#chunk('"role":"assistant","content":""');
    const last = `${first}${this.#before}${JSON.stringify(choice)}]${this.#usageField},"antiphon":${JSON.stringify(factsBody(response))}}\n\n`;
    if (!includesUsage || !response.usage) return last;
    return `${last}${this.#before}],"usage":${JSON.stringify(usageBody(response.usage))}}\n\n`;
  }

  /** Where the usage is asked for, every chunk has the field. */
  get #usageField(): string {
    return this.#chat.includesUsage ? ',"usage":null' : '';
  }
}

function deltaFields(event: DeltaEvent): string {
  switch (event.case) {
    case 'textDelta':
      return `"content":${JSON.stringify(event.value.text)}`;
    case 'reasoningDelta':
      return `"reasoning_content":${JSON.stringify(event.value.text)}`;
    case 'refusalDelta':
      return `"refusal":${JSON.stringify(event.value.text)}`;
    case 'toolCallDelta':
      return `"tool_calls":[${JSON.stringify(callDelta(event.value))}]`;
    case 'restart':
      // It is never allowed here: this format cannot take anything back.
      return '';
  }
}

const callDelta = ({ index, id, name, argumentsDelta }: ToolCallDelta) =>
  id === ''
    ? { index, function: { arguments: argumentsDelta } }
    : { index, id, type: 'function', function: { name, arguments: argumentsDelta } };
