import {
  type CompleteRequest,
  type CompleteResponse,
  FinishReason,
  type Part,
} from '#gen/antiphon/v1/completion_pb.js';
import { fitsFormat } from '../../core/conformity.ts';
import type { EscalationCause } from '../../core/policy.ts';

type Answer = Pick<CompleteResponse, 'content' | 'finishReason'>;

interface Shortcoming {
  readonly cause: EscalationCause;
  /** In the words of an attempt that was left. */
  readonly because: string;
  /** The higher, the less the answer is worth. */
  readonly rank: number;
  holds(answer: Answer, request: CompleteRequest): boolean;
}

const has = (parts: readonly Part[], kind: Part['part']['case']): boolean =>
  parts.some(({ part }) => part.case === kind);

const saysSomething = (parts: readonly Part[]): boolean =>
  parts.some(({ part }) => part.case === 'toolCall' || (part.case === 'text' && part.value.trim() !== ''));

/** In the order in which they are told: an answer that refuses is mostly empty, too. */
const shortcomings: readonly Shortcoming[] = [
  {
    cause: 'refused',
    because: 'the answer was refused',
    rank: 3,
    holds: ({ content, finishReason }) =>
      finishReason === FinishReason.CONTENT_FILTER || (has(content, 'refusal') && !saysSomething(content)),
  },
  {
    cause: 'truncated',
    because: 'the answer was cut off',
    rank: 1,
    holds: ({ finishReason }) => finishReason === FinishReason.LENGTH,
  },
  {
    cause: 'empty',
    because: 'the answer was empty',
    rank: 4,
    holds: ({ content }) => !saysSomething(content) && !has(content, 'refusal'),
  },
  {
    cause: 'schema',
    because: 'the answer did not have the shape that was asked for',
    rank: 2,
    holds: ({ content }, { responseFormat }) => fitsFormat(responseFormat, content) === false,
  },
];

/** No model could say more after these: what the server is configured with, and an answer that goes on. */
const FINAL: ReadonlySet<FinishReason> = new Set([FinishReason.FALLBACK, FinishReason.PAUSED]);

/** What is wrong with an answer, of what counts; undefined: nothing. */
export const shortcomingOf = (
  answer: Answer,
  request: CompleteRequest,
  counts: readonly EscalationCause[],
): Shortcoming | undefined =>
  FINAL.has(answer.finishReason)
    ? undefined
    : shortcomings.find((one) => counts.includes(one.cause) && one.holds(answer, request));

/** How little an answer is worth: 0 if nothing is wrong with it. */
export function worthlessness(answer: Answer, request: CompleteRequest): number {
  if (answer.finishReason === FinishReason.FALLBACK) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...shortcomings.filter((one) => one.holds(answer, request)).map(({ rank }) => rank));
}
