import type { CompleteRequest, Part } from '#gen/antiphon/v1/completion_pb.js';

/** The shortest run of text that counts as a quote. */
const SHORTEST_QUOTE = 12;

/** Beyond this much text, nobody looks: whatever may quote it is taken for a quote. */
const MOST_CHARACTERS = 2_000_000;

function* partTexts({ part }: Part): Iterable<string> {
  if (part.case === 'text' || part.case === 'refusal') yield part.value;
  else if (part.case === 'reasoning') yield part.value.text;
  else if (part.case === 'toolCall') yield part.value.arguments;
  else if (part.case === 'toolResult') for (const inner of part.value.content) yield* partTexts(inner);
}

/** Providers quote a text of several lines as one. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

const quotes = (words: string, text: string): boolean => {
  const prompt = oneLine(text);
  if (prompt.length < SHORTEST_QUOTE) return prompt.length > 3 && words.includes(prompt);
  for (let at = 0; at + SHORTEST_QUOTE <= words.length; at += SHORTEST_QUOTE / 2) {
    if (prompt.includes(words.slice(at, at + SHORTEST_QUOTE))) return true;
  }
  return false;
};

/**
 * Whether a provider's words repeat some of the conversation, so that they must not be passed on. It errs on the side
 * of yes: runs of 18 characters or more are always found, common phrases are found too.
 */
export function quotesConversation(words: string, request: CompleteRequest): boolean {
  const said = oneLine(words);
  let left = MOST_CHARACTERS;
  for (const message of request.messages) {
    for (const part of message.content) {
      for (const text of partTexts(part)) {
        left -= text.length;
        if (left < 0 || quotes(said, text)) return true;
      }
    }
  }
  return false;
}
