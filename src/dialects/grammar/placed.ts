import type { Part } from '#gen/antiphon/v1/completion_pb.js';

/** A part with its path in the request, such as `messages[0].content[1]`. */
export interface PlacedPart {
  readonly part: Part['part'];
  /** The same with what belongs to it: the provider's state and the hint for its cache. */
  readonly whole: Part;
  readonly path: string;
}

/** The parts of `content`, whose own path is `${path}.content`. */
export const placed = (parts: readonly Part[], path: string): PlacedPart[] =>
  parts.map((whole, i) => ({ part: whole.part, whole, path: `${path}.content[${i}]` }));
