import type { Target } from '../../core/target.ts';
import type { Turn } from '../grammar/conversation.ts';
import { readContinuation } from './provider-state.ts';

/**
 * Takes the answer that paused off the end of a conversation: the provider goes on by its token, and wants the
 * conversation as it was before. An answer may have paused several times; the last token counts.
 *
 * Source: the npm package @google/genai 3.1.0, dist/node/index.mjs (2026-11-21).
 */
export function pausedAnswer(
  turns: readonly Turn[],
  target: Target,
): { readonly turns: readonly Turn[]; readonly continuationToken: string } {
  const continuationToken = tokenOf(turns.at(-1), target);
  let end = turns.length;
  while (end > 0 && tokenOf(turns[end - 1], target) !== '') end--;
  return { turns: turns.slice(0, end), continuationToken };
}

const tokenOf = (turn: Turn | undefined, target: Target): string =>
  turn?.kind === 'assistant' ? readContinuation(turn.parts.at(-1)?.whole.providerState, target) : '';
