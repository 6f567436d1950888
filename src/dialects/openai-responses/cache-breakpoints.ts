import type { JsonObject } from '@bufbuild/protobuf';
import { type Message, type PromptCacheHint, Role } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { type PlacedPart, placed } from '../grammar/placed.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** What to put on the wire's part for each part of the request that ends a prompt worth keeping, by its path. */
export type CacheBreakpoints = ReadonlyMap<string, JsonObject>;

const MAX_BREAKPOINTS = 4;

/** The durations that are taken, in seconds. */
const durations = [
  { ttl: '30m', seconds: 30 * 60 },
  { ttl: '12h', seconds: 12 * 60 * 60 },
] as const;

interface PlacedHint {
  readonly hint: PromptCacheHint;
  readonly path: string;
}

/** The breakpoints that the hints ask for. Source: openai 7.55.0, resources/responses/responses.d.ts (2026-11-21). */
export function cacheBreakpoints(messages: readonly Message[], warnings: Warnings): CacheBreakpoints {
  const hints = messages.flatMap((message, i) => hintsOf(message, `messages[${i}]`, warnings));
  const left = hints[hints.length - MAX_BREAKPOINTS - 1];
  if (left) {
    const message = `Only the last ${MAX_BREAKPOINTS} prompt cache hints were sent: the provider takes no more.`;
    warnings.add(dropped(`${left.path}.prompt_cache`, message));
  }
  return new Map(
    hints
      .slice(-MAX_BREAKPOINTS)
      .map(({ hint, path }) => [
        path,
        { prompt_cache_breakpoint: { mode: 'explicit', ...ttlOf(hint, path, warnings) } },
      ]),
  );
}

function hintsOf({ role, content }: Message, path: string, warnings: Warnings): PlacedHint[] {
  const parts = placed(content, path).flatMap((part) => [...inside(part), part]);
  const hints = parts.flatMap(({ whole, path: at }) =>
    whole.promptCache ? [{ hint: whole.promptCache, path: at }] : [],
  );
  if (role !== Role.ASSISTANT) return hints;
  for (const { path: at } of hints) warnings.add(notHere(at));
  return [];
}

const inside = ({ part, path }: PlacedPart): PlacedPart[] =>
  part.case === 'toolResult' ? placed(part.value.content, `${path}.tool_result`) : [];

const notHere = (path: string) =>
  dropped(`${path}.prompt_cache`, 'A prompt cache hint was not sent: the provider takes none on what the model said.');

function ttlOf({ ttl: asked }: PromptCacheHint, path: string, warnings: Warnings): JsonObject {
  if (!asked) return {};
  const askedSeconds = Number(asked.seconds) + asked.nanos / 1e9;
  const distance = ({ seconds }: { seconds: number }) => Math.abs(seconds - askedSeconds);
  const [nearest] = [...durations].sort((a, b) => distance(a) - distance(b));
  if (!nearest) return {};
  if (nearest.seconds !== askedSeconds)
    warnings.add(
      adjusted(
        `${path}.prompt_cache.ttl`,
        `A prompt cache ttl was sent as ${nearest.ttl}: the provider knows 30m and 12h.`,
      ),
    );
  return { ttl: nearest.ttl };
}
