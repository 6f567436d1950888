import { create } from '@bufbuild/protobuf';
import { type Message, PartSchema, type PromptCacheHint, Role } from '#gen/antiphon/v1/completion_pb.js';
import { adjusted, dropped } from '../../core/warnings.ts';
import { invalid } from './invalid.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';
import { type PlacedPart, placed } from './placed.ts';
import { uniqueCalls } from './unique-calls.ts';
import type { Warnings } from './warnings.ts';

/** What a tool gave, with the call that it answers. */
export interface AnsweredCall {
  /** The id of its call, as the turn before has it. */
  readonly callId: string;
  /** The tool's name. */
  readonly name: string;
  readonly parts: readonly PlacedPart[];
  readonly isError: boolean;
  /** The hint on the whole result. */
  readonly promptCache: PromptCacheHint | undefined;
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
 * result, calls that share an id, anything between calls and their results, and results without a call. Errors:
 * `invalid_request` for a role that there is not, and for a tool's message with anything but results.
 */
export function conversation(messages: readonly Message[], warnings: Warnings): Turn[] {
  const turns = new Turns(warnings);
  for (const [i, message] of messages.entries()) turns.add(message, `messages[${i}]`);
  return turns.end();
}

type SaidTurn = Exclude<Turn, { kind: 'results' }>;

class Turns {
  readonly #warnings: Warnings;
  readonly #turns: Turn[] = [];
  /** The calls of the last assistant turn, and what they were answered. */
  readonly #open = new OpenCalls();
  #results: AnsweredCall[] = [];
  /** What came after the calls and is not a result: it has to wait for those that may still come. */
  #held: SaidTurn[] = [];

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

  #say(turn: SaidTurn): void {
    if (this.#open.any) this.#held.push(turn);
    else this.#turns.push(turn);
  }

  #answer(parts: readonly PlacedPart[], path: string): void {
    this.#settle();
    const { parts: unique, calls } = uniqueCalls(parts, this.#warnings);
    this.#turns.push({ kind: 'assistant', parts: unique, path });
    this.#open.add(calls);
  }

  #result({ part, whole, path }: PlacedPart): void {
    if (part.case !== 'toolResult') throw invalid(path, 'must be a tool_result');
    const { toolCallId, content, isError } = part.value;
    const call = this.#open.take(toolCallId);
    if (!call) {
      const message = 'A tool result was not sent: no tool call of the answer before it waits for it.';
      this.#warnings.add(dropped(path, message));
      return;
    }
    const [between] = this.#held;
    if (between) this.#warnings.add(moved(between.path));
    this.#results.push({
      callId: call.id,
      name: call.name,
      parts: placed(content, `${path}.tool_result`),
      isError,
      promptCache: whole.promptCache,
      path: `${path}.tool_result`,
    });
  }

  /** Ends the turn of the last tool calls. */
  #settle(): void {
    for (const call of this.#open.settle()) this.#results.push(this.#madeUp(call));
    if (this.#results.length > 0) this.#turns.push({ kind: 'results', results: this.#results });
    for (const turn of this.#held) this.#turns.push(turn);
    this.#results = [];
    this.#held = [];
  }

  #madeUp({ id: callId, name, path }: OpenCall): AnsweredCall {
    const message = 'A tool call without a result was answered with a note that it was not.';
    this.#warnings.add(adjusted(path, message));
    const part = create(PartSchema, { part: { case: 'text', value: 'This call was not answered.' } });
    const parts = [{ part: part.part, whole: part, path }];
    return { callId, name, parts, isError: false, promptCache: undefined, path };
  }
}

const moved = (path: string) =>
  adjusted(path, 'What stood between tool calls and their results was sent after the results.');
