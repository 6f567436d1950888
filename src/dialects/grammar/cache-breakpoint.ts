import type { JsonObject } from '@bufbuild/protobuf';
import { nearestTtl, type PlacedHint, type Ttl } from './cache-hints.ts';
import type { Warnings } from './warnings.ts';

/** Older ones are not looked at. No more than four are written, the latest. */
export const MOST_BREAKPOINTS = 80;

const ttls: readonly Ttl<'30m' | '12h'>[] = [
  ['30m', 30 * 60],
  ['12h', 12 * 60 * 60],
];

/**
 * The field with which OpenAI's interfaces mark a part of content that ends a prompt worth keeping.
 *
 * Source: the npm package openai 7.55.0, resources/chat/completions/completions.d.ts, PromptCacheBreakpoint and
 * prompt_cache_options (2026-11-21).
 */
export function cacheBreakpoint(placed: PlacedHint, warnings: Warnings): JsonObject {
  const ttl = nearestTtl(placed, ttls, warnings);
  return { prompt_cache_breakpoint: { mode: 'explicit', ...(ttl ? { ttl } : {}) } };
}
