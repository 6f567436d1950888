import { create } from '@bufbuild/protobuf';
import { PartSchema, type ToolCall, ToolCallSchema } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted } from '../../core/warnings.ts';
import type { OpenCall } from './open-calls.ts';
import type { PlacedPart } from './placed.ts';
import type { Warnings } from './warnings.ts';

/** An answer and its calls. */
export interface UniqueCalls {
  readonly parts: readonly PlacedPart[];
  readonly calls: readonly OpenCall[];
}

/** The same answer, in which no two calls have the same id: one that has that of another is given its own. */
export function uniqueCalls(parts: readonly PlacedPart[], warnings: Warnings): UniqueCalls {
  const ids = new AnswerIds(parts);
  const calls: OpenCall[] = [];
  const unique = parts.map((placed) => {
    const { part, path } = placed;
    if (part.case !== 'toolCall') return placed;
    const { id: given, name } = part.value;
    const id = ids.own(given);
    calls.push({ id, given, name, path });
    if (id === given) return placed;
    const message = 'A tool call was given another id: one before it in the answer has the same.';
    warnings.add(adjusted(`${path}.tool_call.id`, message));
    return withId(placed, part.value, id);
  });
  return { parts: unique, calls };
}

class AnswerIds {
  /** All that were given or made up. */
  readonly #known: Set<string>;
  /** The number of the next one to be made up, by the ids that were heard of. */
  readonly #next = new Map<string, number>();

  constructor(parts: readonly PlacedPart[]) {
    this.#known = new Set(parts.flatMap(({ part }) => (part.case === 'toolCall' ? [part.value.id] : [])));
  }

  /** The id as it was given, or from the second time on another. */
  own(given: string): string {
    let number = this.#next.get(given);
    if (number === undefined) {
      this.#next.set(given, 2);
      return given;
    }
    while (this.#known.has(`${given}_${number}`)) number++;
    const id = `${given}_${number}`;
    this.#known.add(id);
    this.#next.set(given, number + 1);
    return id;
  }
}

/** A copy: the request stays as it is. */
function withId({ whole, path }: PlacedPart, { name, arguments: text }: ToolCall, id: string): PlacedPart {
  const value = create(ToolCallSchema, { id, name, arguments: text });
  const copy = create(PartSchema, { ...whole, part: { case: 'toolCall', value } });
  return { part: copy.part, whole: copy, path };
}
