import type { CompleteRequest, Message } from '#gen/antiphon/v1/completion_pb.js';
import type { ContextAction } from '../core/policy.ts';
import { estimatedTokens, messageCharacters, requestCharacters } from '../core/usage.ts';
import { cutsOf, isInstruction } from './cuts.ts';
import type { ThriftSettings } from './settings.ts';

/** What a model takes, in tokens. Undefined: not known, and then taken for any number. */
export interface ContextLimits {
  /** Input and output together. */
  readonly contextWindowTokens: number | undefined;
  readonly maxInputTokens: number | undefined;
  readonly maxOutputTokens: number | undefined;
}

export type FitSettings = Pick<ThriftSettings, 'marginPercent' | 'answerTokens'>;

/** A request, and what was done so that it fits. */
export interface Fitted {
  /** The very same if nothing was done. */
  readonly request: CompleteRequest;
  /** How many messages were left out. */
  readonly leftOut: number;
  readonly isClamped: boolean;
  /** By estimate, and without a margin. False: it cannot be made to fit, and nothing was done. */
  readonly fits: boolean;
}

/**
 * Makes a request fit into the context of a model. Input is an estimate: what is left out or lowered leaves a margin for
 * its error, and what cannot have one may still go to the provider, as long as it fits without. The request is not changed.
 *
 * `max_tokens` is never raised, and stays unset if it is.
 */
export function fitted(
  request: CompleteRequest,
  actions: readonly ContextAction[],
  limits: ContextLimits,
  settings: FitSettings,
): Fitted {
  const place = new Place(limits, settings);
  const clamps = actions.includes('clamp_max_tokens');
  const left = actions.includes('trim_oldest') ? trimmed(request, clamps, place) : request;
  const made = clamps ? clamped(left, place) : left;
  if (!place.takes(made)) return { request, leftOut: 0, isClamped: false, fits: false };
  const leftOut = request.messages.length - made.messages.length;
  return { request: made, leftOut, isClamped: made.maxTokens !== request.maxTokens, fits: true };
}

/** A model's context, and what is to be kept free in it. */
class Place {
  readonly #window: number;
  readonly #maxInput: number;
  readonly #maxOutput: number;
  readonly #settings: FitSettings;

  constructor({ contextWindowTokens, maxInputTokens, maxOutputTokens }: ContextLimits, settings: FitSettings) {
    this.#window = contextWindowTokens ?? Number.POSITIVE_INFINITY;
    this.#maxInput = maxInputTokens ?? Number.POSITIVE_INFINITY;
    this.#maxOutput = maxOutputTokens ?? Number.POSITIVE_INFINITY;
    this.#settings = settings;
  }

  /** Without any margin. More output than the model gives takes no more room than that. */
  takes(request: CompleteRequest): boolean {
    const input = estimatedTokens(requestCharacters(request));
    const output = Math.min(request.maxTokens ?? 1, this.#maxOutput);
    return input <= this.#maxInput && input + output <= this.#window;
  }

  /** Whether so many characters leave room for so much output, and a margin. */
  hasRoom(characters: number, output: number): boolean {
    const input = this.#withMargin(characters);
    return input <= this.#maxInput && input + Math.min(output, this.#maxOutput) <= this.#window;
  }

  /** How much output is to have room. One that may be lowered, or has no bound, need not have more than is usual. */
  wantedBy({ maxTokens }: CompleteRequest, clamps: boolean): number {
    const { answerTokens } = this.#settings;
    return clamps ? Math.min(maxTokens ?? answerTokens, answerTokens) : (maxTokens ?? answerTokens);
  }

  /** The most tokens that an answer may have. May be less than 1. */
  outputAfter(characters: number): number {
    return Math.min(this.#window - this.#withMargin(characters), this.#maxOutput);
  }

  #withMargin(characters: number): number {
    return Math.ceil((estimatedTokens(characters) * (100 + this.#settings.marginPercent)) / 100);
  }
}

/**
 * With as few messages left out as will do. Where none would do, but a shorter answer has room, with as many left out as
 * may be; else the same.
 */
function trimmed(request: CompleteRequest, clamps: boolean, place: Place): CompleteRequest {
  const { messages, maxTokens } = request;
  const wanted = place.wantedBy(request, clamps);
  let characters = requestCharacters(request);
  if (place.hasRoom(characters, wanted)) return request;
  const from = (cut: number) => ({
    ...request,
    messages: messages.filter((message, i) => i >= cut || isInstruction(message)),
  });
  let next = 0;
  for (const cut of cutsOf(messages)) {
    for (; next < cut; next++) characters -= goingCharacters(messages[next]);
    if (place.hasRoom(characters, wanted)) return from(cut);
  }
  const mayBeShorter = clamps || maxTokens === undefined;
  return next > 0 && mayBeShorter && place.hasRoom(characters, 1) ? from(next) : request;
}

const goingCharacters = (message: Message | undefined): number =>
  message && !isInstruction(message) ? messageCharacters(message) : 0;

function clamped(request: CompleteRequest, place: Place): CompleteRequest {
  const { maxTokens } = request;
  const most = place.outputAfter(requestCharacters(request));
  return maxTokens === undefined || maxTokens <= most || most < 1 ? request : { ...request, maxTokens: most };
}
