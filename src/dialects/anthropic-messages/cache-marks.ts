import type { JsonObject } from '@bufbuild/protobuf';
import type { PromptCacheHint } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { lastHints, nearestTtl, type Ttl } from '../grammar/cache-hints.ts';
import type { Warnings } from '../grammar/warnings.ts';

/** The durations that the wire knows, in seconds. */
const ttls: readonly Ttl<Word>[] = [
  ['5m', 300],
  ['1h', 3600],
];

type Word = '5m' | '1h';

interface Mark {
  readonly block: JsonObject;
  readonly ttl: Word | undefined;
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
  add(block: JsonObject | undefined, hint: PromptCacheHint | undefined, path: string): void {
    if (hint && !block)
      this.#warnings.add(dropped(`${path}.prompt_cache`, 'A cache hint was not sent: nor was the blank text with it.'));
    else if (hint && block) this.#marks.push({ block, ttl: nearestTtl({ hint, path }, ttls, this.#warnings), path });
  }

  /** Puts the last `most` marks on their blocks. Call it once, when all blocks are known. */
  settle(most: number): void {
    const kept = lastHints(this.#marks, most, this.#warnings);
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
}
