import type { PromptCacheHint } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { Warnings } from './warnings.ts';

/** A hint for the prompt cache. */
export interface PlacedHint {
  readonly hint: PromptCacheHint;
  /** Of the part that it stands on. */
  readonly path: string;
}

/** The last hints, as many as the provider takes: what they keep holds what the ones before them would. */
export function lastHints<T extends Pick<PlacedHint, 'path'>>(
  hints: readonly T[],
  most: number,
  warnings: Warnings,
): readonly T[] {
  const [first] = hints;
  if (first && hints.length > most) {
    const message = `Only the last ${most} prompt cache hints were sent: the provider takes no more.`;
    warnings.add(dropped(`${first.path}.prompt_cache`, message));
  }
  return hints.slice(-most);
}

/** A duration as the wire writes it, with the seconds that it stands for. */
export type Ttl<Word extends string> = readonly [Word, seconds: number];

/** The duration nearest to the one that is asked for; of two as near, the longer. Undefined: none is asked for. */
export function nearestTtl<Word extends string>(
  { hint: { ttl }, path }: PlacedHint,
  known: readonly Ttl<Word>[],
  warnings: Warnings,
): Word | undefined {
  if (!ttl) return undefined;
  const asked = Number(ttl.seconds) + ttl.nanos / 1e9;
  const distance = ([, seconds]: Ttl<Word>) => Math.abs(seconds - asked);
  const [nearest] = [...known].sort((a, b) => distance(a) - distance(b) || b[1] - a[1]);
  if (nearest && nearest[1] !== asked) {
    const words = known.map(([word]) => word).join(' and ');
    const message = `The prompt cache ttl was sent as ${nearest[0]}: the provider knows ${words}.`;
    warnings.add(adjusted(`${path}.prompt_cache.ttl`, message));
  }
  return nearest?.[0];
}
