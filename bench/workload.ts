import { create } from '@bufbuild/protobuf';
import {
  BrokenStreamPolicy,
  type CompleteRequest,
  CompleteRequestSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';

/** What providers are called, by the gateway and the bare proxies: one for each mock upstream. */
export const providerNames = ['bench', 'vllm'] as const;

/** What the mock upstream does with a request. It is said by the model's name, which every proxy passes on. */
export type Behaviour = {
  /** How long it waits first, in milliseconds. */
  readonly afterMs: number;
} & (
  | { readonly kind: 'answer' }
  /** It takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** `tokensPerSecond` 0: as fast as it can. A request that does not stream gets the usual answer. */
  | { readonly kind: 'stream'; readonly tokens: number; readonly tokensPerSecond: number }
);

export const answerModel = 'answer';

/** `id` tells requests apart where the upstream reports on them. */
export const hangModel = (id: number): string => `hang.${id}`;

export const streamModel = (tokens: number, tokensPerSecond: number, id = 0): string =>
  `stream-${tokens}-${tokensPerSecond}.${id}`;

/** The same model, which waits first. */
export const afterMs = (ms: number, model: string): string => `${model}-after-${ms}`;

const MODEL = /^(answer|hang|stream)(?:-(\d+)-(\d+))?(?:\.\d+)?(?:-after-(\d+))?$/;

/** The behaviour that a model's name stands for. Throws for any other name. */
export function behaviourOf(model: string): Behaviour {
  const [, kind, tokens, tokensPerSecond, after = 0] = MODEL.exec(model) ?? [];
  const afterMs = Number(after);
  if (kind === 'answer' || kind === 'hang') return { kind, afterMs };
  if (kind === 'stream') return { kind, tokens: Number(tokens), tokensPerSecond: Number(tokensPerSecond), afterMs };
  throw new Error(`no such model: ${model}`);
}

const WORDS = [
  'The',
  ' river',
  ' carries',
  ' what',
  ' the',
  ' hills',
  ' let',
  ' go',
  ',',
  ' stone',
  ' by',
  ' stone',
  '.',
];

/** The tokens of every answer, in turn. */
export const words: readonly string[] = WORDS;

/** The text of an answer of this many tokens. */
export function textOf(tokens: number): string {
  let text = '';
  for (let i = 0; i < tokens; i++) text += WORDS[i % WORDS.length];
  return text;
}

/** Tokens of an answer that does not stream. */
export const ANSWER_TOKENS = 50;

const SYSTEM =
  'You are a careful assistant. Answer in plain English, in at most three sentences, and say what you do not know.';
const QUESTION =
  'We are planning a small hydropower plant on a mountain river. What should we measure in the first year, how often, and which of these values decide whether it is worth going on?';

let requests = 0;

/** The same request in OpenAI's format, but for its seed: no two are alike. */
export const chatFor = (model: string, stream: boolean) => ({
  model,
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: QUESTION },
  ],
  temperature: 0.2,
  max_tokens: 4096,
  seed: requests++,
  stream,
});

/** A request of ordinary size for this model, unlike all others by its seed. A stream that breaks off may begin anew elsewhere. */
export const requestFor = (model: string): CompleteRequest =>
  create(CompleteRequestSchema, {
    model,
    messages: [
      { role: Role.SYSTEM, content: [{ part: { case: 'text', value: SYSTEM } }] },
      { role: Role.USER, content: [{ part: { case: 'text', value: QUESTION } }] },
    ],
    temperature: 0.2,
    maxTokens: 4096,
    seed: BigInt(requests++),
    onBrokenStream: BrokenStreamPolicy.RESTART,
  });
