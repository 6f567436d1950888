import type { JsonObject } from '@bufbuild/protobuf';

/** One entry of `contents`. */
export interface Content {
  readonly role: 'user' | 'model';
  readonly parts: readonly JsonObject[];
  /** Nothing is joined to it: the results of function calls stand alone. */
  readonly alone?: boolean;
}

/** Neighbours of one role as one: a function call must not follow another of the model's own contents. */
export function joined(contents: readonly Content[]): Content[] {
  const out: Content[] = [];
  for (const content of contents) {
    const last = out.at(-1);
    if (last?.role !== content.role || last.alone) out.push(content);
    else out[out.length - 1] = { role: last.role, parts: [...last.parts, ...content.parts] };
  }
  return out;
}
