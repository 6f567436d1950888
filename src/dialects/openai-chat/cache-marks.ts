import type { JsonObject } from '@bufbuild/protobuf';
import type { Message, Part } from '#gen/antiphon/v1/completion_pb.js';
import { dropped } from '../../core/warnings.ts';
import { cacheBreakpoint, MOST_BREAKPOINTS } from '../grammar/cache-breakpoint.ts';
import { lastHints, nearestTtl, type PlacedHint, type Ttl } from '../grammar/cache-hints.ts';
import { type PlacedPart, placed } from '../grammar/placed.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** One way to mark a part for the prompt cache. */
interface Marking {
  /** The most marks that are taken. */
  readonly most: number;
  /** The parts that may have one. */
  readonly parts: ReadonlySet<Part['part']['case']>;
  /** The field. */
  mark(hint: PlacedHint, warnings: Warnings): JsonObject;
}

/**
 * The marks of `cache_control` are made for Anthropic. Source: the npm package @openrouter/sdk 1.3.19,
 * esm/models/chatcontenttext and anthropiccachecontrolttl (2026-11-21).
 */
const markings: Readonly<Record<NonNullable<OpenAiChatQuirks['cacheMark']>, Marking>> = {
  cache_control: { most: 4, parts: new Set(['text']), mark: cacheControl },
  prompt_cache_breakpoint: {
    most: MOST_BREAKPOINTS,
    parts: new Set(['text', 'image', 'audio', 'document']),
    mark: cacheBreakpoint,
  },
};

const ttls: readonly Ttl<'5m' | '1h'>[] = [
  ['5m', 300],
  ['1h', 3600],
];

function cacheControl(hint: PlacedHint, warnings: Warnings): JsonObject {
  const ttl = nearestTtl(hint, ttls, warnings);
  return { cache_control: { type: 'ephemeral', ...(ttl ? { ttl } : {}) } };
}

/**
 * The marks for the prompt cache, by the paths of the parts that have one. That of a tool's result goes to the last part
 * in it that may have one; any other that stands where there can be none is dropped. Of too many, the last ones count.
 * Empty if the place knows no marks.
 */
export function cacheMarks(
  messages: readonly Message[],
  { cacheMark }: Pick<OpenAiChatQuirks, 'cacheMark'>,
  warnings: Warnings,
): ReadonlyMap<string, JsonObject> {
  if (!cacheMark) return new Map();
  const { most, parts, mark } = markings[cacheMark];
  const hints = messages.flatMap(({ content }, i) => hintsOf(placed(content, `messages[${i}]`), parts, warnings));
  return new Map(lastHints(hints, most, warnings).map((hint) => [hint.path, mark(hint, warnings)]));
}

function hintsOf(parts: readonly PlacedPart[], may: Marking['parts'], warnings: Warnings): PlacedHint[] {
  return parts.flatMap(({ part, whole, path }) => {
    const inner = part.case === 'toolResult' ? placed(part.value.content, `${path}.tool_result`) : [];
    const own = hintOf({ part, whole, path }, inner, may, warnings);
    return [...hintsOf(inner, may, warnings).filter((hint) => hint.path !== own?.path), ...(own ? [own] : [])];
  });
}

function hintOf(
  { part, whole: { promptCache: hint }, path }: PlacedPart,
  inner: readonly PlacedPart[],
  may: Marking['parts'],
  warnings: Warnings,
): PlacedHint | undefined {
  if (!hint) return undefined;
  const at = may.has(part.case) ? path : inner.findLast((one) => may.has(one.part.case))?.path;
  if (at) return { path: at, hint };
  const message = 'A prompt cache hint was not sent: the provider takes none on such a part.';
  warnings.add(dropped(`${path}.prompt_cache`, message));
  return undefined;
}
