import type { JsonObject } from '@bufbuild/protobuf';

/** One entry of `contents`. */
export interface Content {
  readonly role: 'user' | 'model';
  readonly parts: readonly JsonObject[];
  /** Nothing is joined to it: the results of function calls stand alone. */
  readonly alone?: boolean;
}

/** Neighbours of one role as one: a function call must not follow another of the model's own contents. */
export function joined(contents: readonly Content[]): JsonObject[] {
  const out: { role: string; parts: JsonObject[]; alone: boolean }[] = [];
  for (const { role, parts, alone = false } of contents) {
    const last = out.at(-1);
    if (last?.role === role && !last.alone) for (const part of parts) last.parts.push(part);
    else out.push({ role, parts: [...parts], alone });
  }
  return out.map(({ role, parts }) => ({ role, parts }));
}
