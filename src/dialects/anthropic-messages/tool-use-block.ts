import { GatewayError } from '../../core/errors.ts';
import { toolCallDelta } from '../../core/events.ts';
import { asString, cleanJson, type UnknownObject } from '../../wire/json.ts';
import { TextStream } from '../grammar/text-stream.ts';
import type { Block, Hearing } from './block.ts';

/**
 * A tool call, the `index`th of the answer. A stream has its arguments as text in pieces, a body has them as an object
 * in the start. Errors: `upstream_bad_response` for a call without a name, and for arguments that nest too deeply.
 */
export function toolUseBlock(start: UnknownObject, index: number, { emit }: Hearing): Block {
  const name = asString(start.name).toWellFormed();
  if (name === '') throw bad('a tool call without a name');
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
      if (!streamed) text.push(inputText(start.input));
      text.flush();
    },
  };
}

function inputText(input: unknown): string {
  const clean = cleanJson(input ?? {});
  if (clean === undefined) throw bad('tool arguments that nest too deeply');
  return JSON.stringify(clean);
}

const bad = (what: string) => new GatewayError('upstream_bad_response', `The provider sent ${what}. Try again.`);
