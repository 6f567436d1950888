import { textDelta } from '../../core/events.ts';
import { asArray, asString, type UnknownObject } from '../../core/json.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { TextStream } from '../grammar/text-stream.ts';
import type { Block, Hearing } from './block.ts';

export function textBlock(start: UnknownObject, { emit, warnings }: Hearing): Block {
  const text = new TextStream((piece) => emit(textDelta(piece)));
  const omitCitations = () =>
    warnings.add(contentOmitted('The answer also held citations, which this contract has no place for.'));
  text.push(asString(start.text));
  if (asArray(start.citations).length > 0) omitCitations();
  return {
    delta(piece) {
      if (piece.type === 'text_delta') text.push(asString(piece.text));
      else if (piece.type === 'citations_delta') omitCitations();
    },
    stop: () => text.flush(),
  };
}
