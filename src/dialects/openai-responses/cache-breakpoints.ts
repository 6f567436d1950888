import type { JsonObject } from '@bufbuild/protobuf';
import { type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import { dropped } from '../../core/warnings.ts';
import { cacheBreakpoint, MOST_BREAKPOINTS } from '../grammar/cache-breakpoint.ts';
import { lastHints, type PlacedHint } from '../grammar/cache-hints.ts';
import { type PlacedPart, placed } from '../grammar/placed.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** What to put on the wire's part for each part of the request that ends a prompt worth keeping, by its path. */
export type CacheBreakpoints = ReadonlyMap<string, JsonObject>;

/** The breakpoints that the hints ask for. */
export function cacheBreakpoints(messages: readonly Message[], warnings: Warnings): CacheBreakpoints {
  const hints = messages.flatMap((message, i) => hintsOf(message, `messages[${i}]`, warnings));
  const sent = lastHints(hints, MOST_BREAKPOINTS, warnings);
  return new Map(sent.map((hint) => [hint.path, cacheBreakpoint(hint, warnings)]));
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
