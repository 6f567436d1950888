import type { JsonObject } from '@bufbuild/protobuf';
import type { ProviderState } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, reasoningDelta } from '../../core/events.ts';
import { asArray, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { cleanJson, isJsonObject } from '../../wire/json.ts';
import { TextStream } from '../grammar/text-stream.ts';
import { writeState } from './provider-state.ts';
import { detailText, reasoningText } from './reasoning-text.ts';

/** One entry of `reasoning_details` without its text, which is the part's own. */
type Detail = Record<string, JsonObject[string]>;

/**
 * Hears reasoning: its text, and the `reasoning_details` that the provider wants to see again. Pieces of one entry are
 * put together. An entry with text of its own closes the part before it, so that each part has one text.
 *
 * Source: the npm package @openrouter/sdk 1.3.19, esm/models/reasoningdetailunion (2026-11-21).
 */
export class ReasoningStream {
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #text: TextStream;
  /** Keeps also what is neither signed nor encrypted. */
  readonly #keepAll: boolean;
  #details: Detail[] = [];
  #spoken = false;
  #sealed = false;

  constructor(target: Target, emit: (delta: Delta) => void, keepAll: boolean) {
    this.#target = target;
    this.#emit = emit;
    this.#keepAll = keepAll;
    this.#text = new TextStream((text) => emit(reasoningDelta(text)));
  }

  /** Takes what a delta says of reasoning. Details repeat the text, so they count first. */
  push(delta: UnknownObject): void {
    if (delta.reasoning_details === undefined) return this.say(reasoningText(delta));
    const details = asArray(delta.reasoning_details)
      .map(asObject)
      .filter((detail) => detail !== undefined);
    if (details.every((detail) => detailText(detail) === '')) this.say(reasoningText(delta));
    for (const detail of details) this.#add(detail);
  }

  /** Takes text that came without details. */
  say(text: string): void {
    if (text === '') return;
    if (this.#sealed) this.close();
    this.#text.push(text);
  }

  /** Something else begins. */
  close(): void {
    const state = this.#state();
    this.#details = [];
    this.#spoken = false;
    this.#sealed = false;
    if (!state) return;
    this.#text.flush();
    this.#emit(reasoningDelta('', state));
  }

  /** Nothing more comes. */
  end(): void {
    this.close();
    this.#text.flush();
  }

  #add(detail: UnknownObject): void {
    const { text: _, summary: __, ...rest } = detail;
    const clean = cleanJson(rest);
    if (!isJsonObject(clean)) return;
    const words = detailText(detail);
    const goesOn = this.#goesOn(clean, words);
    if (!goesOn && words !== '' && (this.#spoken || this.#sealed)) this.close();
    if (goesOn) merge(this.#details.at(-1), clean);
    else this.#details.push(clean);
    this.#spoken ||= words !== '';
    this.#sealed ||= isSealed(clean);
    this.#text.push(words);
  }

  /** Whether it is a piece of the last entry. Encrypted ones come whole, and a signature ends what it signs. */
  #goesOn(detail: JsonObject, words: string): boolean {
    const last = this.#details.at(-1);
    if (!last || asString(detail.data) !== '' || (words !== '' && isSealed(last))) return false;
    return last.type === detail.type && last.index === detail.index;
  }

  #state(): ProviderState | undefined {
    if (!this.#sealed && !(this.#keepAll && this.#spoken)) return undefined;
    return writeState(this.#target, { reasoningDetails: this.#details.map(inOrder) });
  }
}

const isSealed = ({ signature, data }: JsonObject): boolean => asString(signature) !== '' || asString(data) !== '';

function merge(into: Detail | undefined, piece: JsonObject): void {
  for (const [key, value] of Object.entries(piece)) if (into && value !== null && value !== '') into[key] = value;
}

/** The same bytes for the same entry, in however many pieces it came. */
function inOrder({ type, signature, data, ...rest }: Detail): JsonObject {
  const known = { type, signature, data };
  const present = Object.entries(known).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return { ...Object.fromEntries(present), ...rest };
}
