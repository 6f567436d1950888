import { createHmac, randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  type Message,
  type Part,
  PromptCacheHintSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import type { Clock } from '../core/clock.ts';
import type { PromptCaching, PromptMarks } from '../core/prompt-caching.ts';
import type { Target } from '../core/target.ts';
import { estimatedTokens, requestCharacters } from '../core/usage.ts';
import { type Prefix, prefixesOf } from './prefixes.ts';
import { Seen } from './seen.ts';
import type { ThriftSettings } from './settings.ts';

/** For whom, and to where, a prompt goes. */
export interface PromptPlace {
  /** Those of one tenant share what is kept. */
  readonly tenant: string;
  readonly target: Target;
  readonly caching: PromptCaching;
  /** Keeping a prompt costs less than it saves if it is read but once. */
  readonly isCheaper: boolean;
}

/** Made once, so that keys stay the same while the process lasts. */
const ownSecret = randomBytes(32);

/**
 * Places hints for providers' prompt caches, for prefixes that come again. Writing to a cache costs more than plain input,
 * so that a prefix is marked only when the same has come before within the time for which the provider would keep it.
 */
export class PromptHints {
  readonly #seen: Seen;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #secret: string | Buffer;

  constructor({ maxPrefixes, secret }: Pick<ThriftSettings, 'maxPrefixes' | 'secret'>, clock: Pick<Clock, 'now'>) {
    this.#seen = new Seen(maxPrefixes);
    this.#clock = clock;
    this.#secret = secret ?? ownSecret;
  }

  /** How many prefixes are remembered. */
  get size(): number {
    return this.#seen.size;
  }

  /** The request with hints, or the very same. What the caller has said of prompt caches stays, and nothing is added to it. */
  hinted(request: CompleteRequest, place: PromptPlace): CompleteRequest {
    const marks = place.isCheaper && !saysMarks(request, place.target) ? place.caching.marks : undefined;
    const key = request.promptCacheKey === '' ? place.caching.key : undefined;
    const least = Math.min(marks?.minTokens ?? Infinity, key?.minTokens ?? Infinity);
    if (estimatedTokens(requestCharacters(request)) < least) return request;
    const { provider, model } = place.target;
    const prefixes = prefixesOf(request, JSON.stringify([place.tenant, provider, model]));
    const marked = marks ? this.#marked(request, prefixes, marks) : request;
    return key ? this.#keyed(marked, prefixes, key.minTokens) : marked;
  }

  #marked(request: CompleteRequest, prefixes: readonly Prefix[], marks: PromptMarks): CompleteRequest {
    const nowMs = this.#clock.now();
    const may = prefixes.filter(
      ({ at, tokens }) => tokens >= marks.minTokens && isMarkable(request.messages[at]?.content.at(-1), marks),
    );
    const seen = may.filter(({ digest }) => this.#seen.has(digest, nowMs));
    const instructions = may.find(({ isInstructions }) => isInstructions);
    const longest = seen.at(-1);
    for (const { digest } of new Set([...seen.slice(-1), ...(instructions ? [instructions] : []), ...may.slice(-2)]))
      this.#seen.add(digest, nowMs + marks.ttlMs);
    if (!longest) return request;
    const places = new Set([longest.at, ...(instructions && seen.includes(instructions) ? [instructions.at] : [])]);
    return { ...request, messages: request.messages.map((each, at) => (places.has(at) ? marked(each) : each)) };
  }

  /** By its instructions if they are long enough to be kept by themselves, else by what the conversation begins with. */
  #keyed(request: CompleteRequest, prefixes: readonly Prefix[], minTokens: number): CompleteRequest {
    const prefix = prefixes.find(({ isInstructions, tokens }) => !isInstructions || tokens >= minTokens);
    if (!prefix) return request;
    const promptCacheKey = createHmac('sha256', this.#secret).update(prefix.digest).digest('base64url');
    return { ...request, promptCacheKey };
  }
}

const hasHint = ({ part, promptCache }: Part): boolean =>
  promptCache !== undefined || (part.case === 'toolResult' && part.value.content.some(hasHint));

const saysMarks = ({ messages, providerOptions }: CompleteRequest, { provider }: Target): boolean =>
  providerOptions[provider]?.cache_control !== undefined || messages.some(({ content }) => content.some(hasHint));

/** A mark on a tool's result may stand for one on a part in it. */
function isMarkable(last: Part | undefined, marks: PromptMarks): boolean {
  if (last?.part.case === 'text') return marks.parts.has('text') && last.part.value.trim() !== '';
  if (last?.part.case === 'toolResult' && last.part.value.content.some((inner) => isMarkable(inner, marks)))
    return true;
  return last !== undefined && marks.parts.has(last.part.case);
}

const marked = (message: Message): Message => ({
  ...message,
  content: message.content.map((part, i) =>
    i === message.content.length - 1 ? { ...part, promptCache: create(PromptCacheHintSchema) } : part,
  ),
});
