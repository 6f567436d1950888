import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { CompleteRequestSchema, CompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Answers } from './answers.ts';
import { cacheKeys } from './cache-key.ts';
import { isWorthKeeping } from './cacheable.ts';
import type { CacheSettings } from './settings.ts';
import { tenantOf } from './tenant.ts';

/** What became of the lines of a file. */
export interface WarmedUp {
  readonly kept: number;
  /** Those that are no such line, or hold no answer that is worth keeping. */
  readonly skipped: number;
}

export interface WarmUpParts {
  readonly settings: CacheSettings;
  readonly answers: Pick<Answers, 'put'>;
  /** Where a provider is. */
  readonly placeOf: (provider: string) => string;
}

/** A line as it is written. Both messages are in the JSON form of protobuf. */
interface Line {
  readonly team?: string;
  readonly key?: string;
  readonly request: JsonObject;
  readonly response: JsonObject;
}

/** JSON takes more room than what is kept of it. Of a larger file, the rest is not read. */
const ROOM_FOR_JSON = 2;

/**
 * Keeps the answers of a file: one JSON object a line, with `request` and `response`, and `team` or `key` for whom it is.
 * The answer is for calls to the `provider` and `model` that the response names. No more lines are read than there may be
 * answers. Errors: the file cannot be read.
 */
export async function warmUp(path: string, parts: WarmUpParts): Promise<WarmedUp> {
  const { maxBytes, maxEntries, secret } = parts.settings;
  const keyOf = cacheKeys(secret);
  const input = createReadStream(path, { end: maxBytes * ROOM_FOR_JSON - 1 });
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => undefined);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  let [kept, skipped] = [0, 0];
  try {
    while (kept + skipped < maxEntries) {
      const line = await Promise.race([lines.next(), failed]);
      if (line.done) break;
      if (line.value.trim() === '') continue;
      if (keep(line.value, keyOf, parts)) kept++;
      else skipped++;
    }
  } finally {
    input.destroy();
  }
  return { kept, skipped };
}

function keep(text: string, keyOf: ReturnType<typeof cacheKeys>, { answers, placeOf, settings }: WarmUpParts): boolean {
  try {
    const line: Line = JSON.parse(text);
    const request = fromJson(CompleteRequestSchema, line.request);
    const response = fromJson(CompleteResponseSchema, line.response);
    const { provider, model, warnings } = response;
    const target = { provider, model };
    if (!isWorthKeeping(response, { target, warnings }, target)) return false;
    const tenant = tenantOf({ name: line.key ?? 'anonymous', team: line.team ?? '' });
    const key = keyOf({ tenant, target, place: placeOf(provider), escalation: undefined, request });
    const ttlMs = settings.requestTypes.get(request.requestType) ?? settings.ttlMs;
    void answers.put({ key, tenant, model: `${provider}/${model}` }, response, { target, warnings }, ttlMs);
    return true;
  } catch {
    return false;
  }
}
