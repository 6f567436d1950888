import type { JsonObject } from '@bufbuild/protobuf';
import type { PromptCacheHint } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** The durations that the wire knows, in seconds. */
const TTLS = [
  ['5m', 300],
  ['1h', 3600],
] as const;

type Ttl = (typeof TTLS)[number][0];

interface Mark {
  readonly block: JsonObject;
  readonly ttl: Ttl | undefined;
  readonly path: string;
}

/** The blocks up to which the prompt is to be cached, in the order of the wire. */
export class CacheMarks {
  readonly #warnings: Warnings;
  readonly #marks: Mark[] = [];

  constructor(warnings: Warnings) {
    this.#warnings = warnings;
  }

  /** Notes that a block is marked, if there is a hint. `path` is that of the part with the hint. */
  add(block: JsonObject, hint: PromptCacheHint | undefined, path: string): void {
    if (hint) this.#marks.push({ block, ttl: this.#nearest(hint, path), path });
  }

  /** Puts the last `most` marks on their blocks. Call it once, when all blocks are known. */
  settle(most: number): void {
    const kept = this.#marks.slice(-most);
    const [first] = this.#marks;
    if (first && kept.length < this.#marks.length)
      this.#warnings.add(
        dropped(
          `${first.path}.prompt_cache`,
          `Only the last ${most} cache hints were sent: the provider takes no more.`,
        ),
      );
    const lastHour = kept.findLastIndex(({ ttl }) => ttl === '1h');
    for (const [i, mark] of kept.entries()) this.#put(mark, i < lastHour);
  }

  /** The API refuses a shorter time before a longer one, and what stands before is kept as long anyway. */
  #put({ block, ttl, path }: Mark, beforeAnHour: boolean): void {
    const sent = beforeAnHour ? '1h' : ttl;
    if (sent !== ttl)
      this.#warnings.add(
        adjusted(`${path}.prompt_cache`, 'The cache hint was sent with an hour, as the one after it has it.'),
      );
    block.cache_control = { type: 'ephemeral', ...(sent ? { ttl: sent } : {}) };
  }

  #nearest({ ttl }: PromptCacheHint, path: string): Ttl | undefined {
    if (!ttl) return undefined;
    const asked = Number(ttl.seconds) + ttl.nanos / 1e9;
    const [five, hour] = TTLS;
    const [word, seconds] = asked - five[1] < hour[1] - asked ? five : hour;
    if (seconds !== asked)
      this.#warnings.add(
        adjusted(`${path}.prompt_cache.ttl`, `The cache hint was sent with "${word}": the provider knows 5m and 1h.`),
      );
    return word;
  }
}
