import type { JsonObject } from '@bufbuild/protobuf';
import { asString } from '../../core/json.ts';
import { adjusted } from '../../core/warnings.ts';
import type { Warnings } from '../grammar/warnings.ts';

export interface WireMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: JsonObject[];
  /** In the request. */
  readonly path: string;
}

/** What the order of messages depends on. */
export interface Order {
  /** Takes messages of the role `system` within the conversation. */
  readonly systemMessages: boolean;
  /** Goes on with an assistant message at the end. */
  readonly prefill: boolean;
}

/**
 * The messages in an order that the API takes: none is empty, neighbours of one role are one message, the first is the
 * user's, instructions stand only where they may, and the end is one that the model can go on from.
 *
 * Source for where instructions may stand: right after a user's message, and last or before the model's;
 * https://github.com/anthropics/anthropic-sdk-csharp/pull/207 (2026-11-21).
 */
export function arrange(messages: readonly WireMessage[], order: Order, warnings: Warnings): JsonObject[] {
  const said = merged(messages);
  const folded = merged(said.map((message, i) => (mayStand(said, i, order) ? message : asUser(message, warnings))));
  const begun = withBeginning(folded, warnings);
  return withEnding(begun, order, warnings).map(({ role, content }) => ({ role, content }));
}

function merged(messages: readonly WireMessage[]): WireMessage[] {
  const list: WireMessage[] = [];
  for (const message of messages) {
    if (message.content.length === 0) continue;
    const last = list.at(-1);
    if (last?.role === message.role) last.content.push(...message.content);
    else list.push({ ...message, content: [...message.content] });
  }
  return list;
}

function mayStand(messages: readonly WireMessage[], i: number, { systemMessages }: Order): boolean {
  if (messages[i]?.role !== 'system') return true;
  return systemMessages && messages[i - 1]?.role === 'user' && messages[i + 1]?.role !== 'user';
}

function asUser({ content, path }: WireMessage, warnings: Warnings): WireMessage {
  const message = 'Instructions within the conversation were sent as text of the user: they cannot stand there.';
  warnings.add(adjusted(path, message));
  for (const block of content) block.text = `<system>\n${asString(block.text)}\n</system>`;
  return { role: 'user', content, path };
}

function withBeginning(messages: readonly WireMessage[], warnings: Warnings): readonly WireMessage[] {
  if (messages[0]?.role === 'user') return messages;
  warnings.add(adjusted('messages', 'A user message "Begin." was added: the provider wants one at the beginning.'));
  return [user('Begin.'), ...messages];
}

/** The API refuses white space at the very end of an answer that it is to go on with. */
function withEnding(messages: readonly WireMessage[], { prefill }: Order, warnings: Warnings): readonly WireMessage[] {
  const last = messages.at(-1);
  const block = last?.content.at(-1);
  if (!last || !block || last.role !== 'assistant') return messages;
  if (!prefill || block.type !== 'text') {
    const message = 'A user message "Continue." was added: the model does not go on from an answer of its own.';
    warnings.add(adjusted('messages', message));
    return [...messages, user('Continue.')];
  }
  const text = asString(block.text);
  block.text = text.trimEnd();
  if (block.text !== text)
    warnings.add(
      adjusted(last.path, 'White space at the end of the last answer was not sent: the provider refuses it.'),
    );
  return messages;
}

const user = (text: string): WireMessage => ({ role: 'user', content: [{ type: 'text', text }], path: 'messages' });
