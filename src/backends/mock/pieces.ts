import { type Delta, textDelta, toolCallDelta } from '../../core/events.ts';
import type { MockAnswer } from './answer.ts';

/** Words with the space before them: what a tokenizer would make of them, nearly. */
const tokensOf = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

/** The answer in the pieces in which it is streamed, one to a token. */
export function piecesOf(answer: MockAnswer): Delta[] {
  if ('text' in answer) return tokensOf(answer.text).map((token) => textDelta(token));
  const first = toolCallDelta(0, '', { id: `call_mock_${answer.tool.name}`, name: answer.tool.name });
  return [first, ...tokensOf(answer.arguments).map((token) => toolCallDelta(0, token))];
}
