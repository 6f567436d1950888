import { invalid } from '../grammar/invalid.ts';
import { lacks } from '../grammar/media.ts';
import type { PlacedPart } from '../grammar/placed.ts';

/** The parts as one text, which is all that a message may have. Errors: `model_lacks_ability` for media. */
export const textOf = (parts: readonly PlacedPart[]): string => parts.map(partText).join('\n');

function partText({ part, path }: PlacedPart): string {
  switch (part.case) {
    case 'text':
      return part.value.toWellFormed();
    case 'image':
    case 'audio':
    case 'document':
      throw lacks(`${path}.${part.case}`, 'must not be there: the provider takes text only');
    default:
      throw invalid(path, 'is not a part that this message may have');
  }
}
