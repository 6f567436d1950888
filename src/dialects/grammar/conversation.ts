import { create } from '@bufbuild/protobuf';
import { type Message, PartSchema, Role } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { invalid } from './invalid.ts';
import { type PlacedPart, placed } from './placed.ts';
import type { Warnings } from './warnings.ts';

/** What a tool gave, with the call that it answers. */
export interface AnsweredCall {
  /** The call's id, as the caller gave it. */
  readonly callId: string;
  /** The tool's name. */
  readonly name: string;
  readonly parts: readonly PlacedPart[];
  readonly isError: boolean;
  /** Of the tool_result; of the call, where a result was made up. */
  readonly path: string;
}

/** One turn of a conversation that keeps the rules of all wire formats. */
export type Turn =
  | {
      readonly kind: 'instructions';
      readonly role: Role.SYSTEM | Role.DEVELOPER;
      readonly parts: readonly PlacedPart[];
      readonly path: string;
    }
  | { readonly kind: 'user' | 'assistant'; readonly parts: readonly PlacedPart[]; readonly path: string }
  /** Follows the assistant turn with the calls at once, and answers each of them, in the order in which they came. */
  | { readonly kind: 'results'; readonly results: readonly AnsweredCall[] };

/**
 * The conversation in turns. Repaired on the way, with warnings, is what providers do not take: calls without a
 * result, anything between calls and their results, and results without a call. Errors: `invalid_request`.
 */
export function conversation(messages: readonly Message[], warnings: Warnings): Turn[] {
  const turns = new Turns(warnings);
  for (const [i, message] of messages.entries()) turns.add(message, `messages[${i}]`);
  return turns.end();
}

interface OpenCall {
  readonly name: string;
  readonly path: string;
}

class Turns {
  readonly #warnings: Warnings;
  readonly #turns: Turn[] = [];
  /** The calls of the last assistant turn, and what they were answered. */
  #calls = new Map<string, OpenCall>();
  #results: AnsweredCall[] = [];
  /** What came after the calls and is not a result: it has to wait for those that may still come. */
  #held: Turn[] = [];

  constructor(warnings: Warnings) {
    this.#warnings = warnings;
  }

  add(message: Message, path: string): void {
    const parts = placed(message.content, path);
    switch (message.role) {
      case Role.SYSTEM:
      case Role.DEVELOPER:
        return this.#say({ kind: 'instructions', role: message.role, parts, path });
      case Role.USER:
        return this.#say({ kind: 'user', parts, path });
      case Role.ASSISTANT:
        return this.#answer(parts, path);
      case Role.TOOL:
        for (const part of parts) this.#result(part);
        return;
      default:
        throw invalid(`${path}.role`, 'must be SYSTEM, DEVELOPER, USER, ASSISTANT or TOOL');
    }
  }

  end(): Turn[] {
    this.#settle();
    return this.#turns;
  }

  #say(turn: Turn): void {
    if (this.#calls.size > 0) this.#held.push(turn);
    else this.#turns.push(turn);
  }

  #answer(parts: readonly PlacedPart[], path: string): void {
    this.#settle();
    this.#turns.push({ kind: 'assistant', parts, path });
    for (const { part, path: at } of parts)
      if (part.case === 'toolCall') this.#calls.set(part.value.id, { name: part.value.name, path: at });
  }

  #result({ part, path }: PlacedPart): void {
    if (part.case !== 'toolResult') throw invalid(path, 'must be a tool_result');
    const { toolCallId: callId, content, isError } = part.value;
    const call = this.#calls.get(callId);
    if (!call || this.#results.some((result) => result.callId === callId)) {
      const message = 'A tool result was not sent: no tool call of the answer before it waits for it.';
      this.#warnings.add(dropped(path, message));
      return;
    }
    for (const turn of this.#held) if (turn.kind !== 'results') this.#warnings.add(moved(turn.path));
    const parts = placed(content, `${path}.tool_result`);
    this.#results.push({ callId, name: call.name, parts, isError, path: `${path}.tool_result` });
  }

  /** Ends the turn of the last tool calls. */
  #settle(): void {
    for (const [callId, { name, path }] of this.#calls)
      if (!this.#results.some((result) => result.callId === callId))
        this.#results.push(this.#madeUp(callId, name, path));
    if (this.#results.length > 0) this.#turns.push({ kind: 'results', results: this.#results });
    this.#turns.push(...this.#held);
    this.#calls = new Map();
    this.#results = [];
    this.#held = [];
  }

  #madeUp(callId: string, name: string, path: string): AnsweredCall {
    const message = 'A tool call without a result was answered with a note that it was not.';
    this.#warnings.add(adjusted(path, message));
    const part = create(PartSchema, { part: { case: 'text', value: 'This call was not answered.' } });
    return { callId, name, parts: [{ part: part.part, whole: part, path }], isError: false, path };
  }
}

const moved = (path: string) =>
  adjusted(path, 'What stood between tool calls and their results was sent after the results.');
