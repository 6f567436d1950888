import { asArray, asObject, asString, type UnknownObject } from '../../wire/json.ts';

/**
 * The reasoning in a delta, whichever way it is spelled. Some servers send the same text under two names, so the first
 * that is not empty counts.
 */
export function reasoningText(delta: UnknownObject): string {
  const { reasoning_content: content, reasoning, reasoning_text: text, reasoning_details: details } = delta;
  if (content && typeof content === 'string') return content;
  if (reasoning && typeof reasoning === 'string') return reasoning;
  if (text && typeof text === 'string') return text;
  return details ? asArray(details).map(detailText).join('') : '';
}

function detailText(detail: unknown): string {
  const { text, summary } = asObject(detail) ?? {};
  return asString(text) || asString(summary);
}
