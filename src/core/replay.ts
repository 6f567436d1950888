import type { Part, ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, reasoningDelta, refusalDelta, textDelta, toolCallDelta } from './events.ts';

/** The content of a whole answer as a stream would have it. */
export function* deltasOf(parts: readonly Part[]): Iterable<Delta> {
  let toolCalls = 0;
  for (const { part, providerState } of parts) {
    if (part.case === 'text') yield* pieces(part.value, providerState, textDelta);
    else if (part.case === 'reasoning') yield* pieces(part.value.text, providerState, reasoningDelta);
    else if (part.case === 'refusal') yield* pieces(part.value, providerState, refusalDelta);
    else if (part.case === 'toolCall') {
      const index = toolCalls++;
      const { id, name } = part.value;
      yield toolCallDelta(index, '', { id, name });
      yield* pieces(part.value.arguments, providerState, (text, state) => toolCallDelta(index, text, undefined, state));
    }
  }
}

/** So many whole characters go into one message. */
const PIECE = /.{1,8192}/gsu;

/** Cuts a text into pieces. The last one has the state. */
function* pieces(
  text: string,
  state: ProviderState | undefined,
  deltaOf: (text: string, state?: ProviderState) => Delta,
): Iterable<Delta> {
  const cut = text.match(PIECE) ?? [''];
  for (const [i, piece] of cut.entries()) yield deltaOf(piece, i === cut.length - 1 ? state : undefined);
}
