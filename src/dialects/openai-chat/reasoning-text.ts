import { asString, type UnknownObject } from '../../core/json.ts';

/**
 * The reasoning in a delta, whichever way it is spelled. Some servers send the same text under two names, so the first
 * that is not empty counts.
 */
export function reasoningText(delta: UnknownObject): string {
  const { reasoning_content: content, reasoning, reasoning_text: text } = delta;
  return asString(content) || asString(reasoning) || asString(text);
}

/** The text of an entry of `reasoning_details`. */
export const detailText = ({ text, summary }: UnknownObject): string => asString(text) || asString(summary);
