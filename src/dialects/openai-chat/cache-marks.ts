import type { JsonObject } from '@bufbuild/protobuf';
import type { Message, Part, PromptCacheHint } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { type PlacedPart, placed } from '../grammar/placed.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { OpenAiChatQuirks } from './quirks.ts';

/** Anthropic, for whom the marks are made, takes no more. */
const MOST_MARKS = 4;

const FIVE_MINUTES = 300;
const AN_HOUR = 3600;

/**
 * Which parts have a mark for the prompt cache, by their paths. Only text can have one: the mark of a tool's result goes
 * to its last text, and any other is dropped. Of too many, the last ones count. Empty if the place knows no marks.
 *
 * Source: the npm package @openrouter/sdk 1.3.19, esm/models/chatcontenttext and anthropiccachecontrolttl (2026-11-21).
 */
export function cacheMarks(
  messages: readonly Message[],
  { cacheControl = false }: Pick<OpenAiChatQuirks, 'cacheControl'>,
  warnings: Warnings,
): ReadonlyMap<string, JsonObject> {
  if (!cacheControl) return new Map();
  const hints = messages.flatMap(({ content }, i) => hintsOf(placed(content, `messages[${i}]`), warnings));
  if (hints.length > MOST_MARKS) warnings.add(tooMany(hints));
  return new Map(hints.slice(-MOST_MARKS).map(({ path, hint }) => [path, cacheControlOf(path, hint, warnings)]));
}

interface Hint {
  readonly path: string;
  readonly hint: PromptCacheHint;
}

function hintsOf(parts: readonly PlacedPart[], warnings: Warnings): Hint[] {
  return parts.flatMap(({ part, whole, path }) => {
    const inner = part.case === 'toolResult' ? placed(part.value.content, `${path}.tool_result`) : [];
    const own = hintOf(whole, path, inner, warnings);
    return [...hintsOf(inner, warnings).filter((hint) => hint.path !== own?.path), ...(own ? [own] : [])];
  });
}

function hintOf(
  { part, promptCache: hint }: Part,
  path: string,
  inner: readonly PlacedPart[],
  warnings: Warnings,
): Hint | undefined {
  if (!hint) return undefined;
  const at = part.case === 'text' ? path : inner.findLast((one) => one.part.case === 'text')?.path;
  if (at) return { path: at, hint };
  const message = 'The prompt cache hint was not sent: the provider takes it with text only.';
  warnings.add(dropped(`${path}.prompt_cache`, message));
  return undefined;
}

function cacheControlOf(path: string, { ttl }: PromptCacheHint, warnings: Warnings): JsonObject {
  if (!ttl) return { type: 'ephemeral' };
  const seconds = Number(ttl.seconds);
  const sent = seconds - FIVE_MINUTES < AN_HOUR - seconds ? FIVE_MINUTES : AN_HOUR;
  if (seconds !== sent || ttl.nanos !== 0) {
    const message = 'The time to keep prompts was sent as five minutes or an hour, whichever is nearer.';
    warnings.add(adjusted(`${path}.prompt_cache.ttl`, message));
  }
  return { type: 'ephemeral', ttl: sent === AN_HOUR ? '1h' : '5m' };
}

const tooMany = (hints: readonly Hint[]) =>
  dropped(
    `${hints[0]?.path}.prompt_cache`,
    `Only the last ${MOST_MARKS} prompt cache hints were sent: the provider takes no more.`,
  );
