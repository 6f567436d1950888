import { toolCallDelta } from '../../core/events.ts';
import { asString, type UnknownObject } from '../../core/json.ts';
import { heardArguments, heardName } from '../grammar/heard-call.ts';
import { TextStream } from '../grammar/text-stream.ts';
import type { Block, Hearing } from './block.ts';

/**
 * A tool call, the `index`th of the answer. A stream has its arguments as text in pieces, a body has them as an object
 * in the start. Errors: `upstream_bad_response` for a call without a name, and for arguments that nest too deeply.
 */
export function toolUseBlock(start: UnknownObject, index: number, { emit }: Hearing): Block {
  const name = heardName(start.name);
  const id = asString(start.id).toWellFormed() || `call_${index}`;
  let streamed = false;
  const text = new TextStream((piece) => emit(toolCallDelta(index, piece)));
  emit(toolCallDelta(index, '', { id, name }));
  return {
    delta(piece) {
      const json = piece.type === 'input_json_delta' ? asString(piece.partial_json) : '';
      streamed ||= json !== '';
      text.push(json);
    },
    stop() {
      if (!streamed) text.push(heardArguments(start.input));
      text.flush();
    },
  };
}
