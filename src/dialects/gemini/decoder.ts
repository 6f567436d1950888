import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { type Delta, reasoningDelta, textDelta } from '../../core/events.ts';
import { asArray, asObject, asString, type UnknownObject } from '../../core/json.ts';
import type { Target } from '../../core/target.ts';
import { contentOmitted } from '../../core/warnings.ts';
import { parseJson } from '../../wire/json.ts';
import type { Frame } from '../../wire/sse.ts';
import type { Decoder, Ending } from '../dialect.ts';
import { notAnAnswer, notWhole } from '../grammar/failure.ts';
import { Warnings } from '../grammar/warnings.ts';
import { blockedPrompt, reportedFailure } from './failure.ts';
import { finishReason } from './finish-reason.ts';
import { omittedOfCandidate, omittedOfPart } from './omitted.ts';
import { writeContinuation } from './provider-state.ts';
import { SignedText } from './signed-text.ts';
import { ToolCalls } from './tool-calls.ts';
import { countsTokens, readBilling, readUsage } from './usage.ts';

/** Hears one answer, streamed or whole: a stream's chunks have the form of the body, and it ends by closing. */
export class GeminiDecoder implements Decoder {
  readonly done = false;
  readonly #target: Target;
  readonly #emit: (delta: Delta) => void;
  readonly #warnings = new Warnings();
  readonly #text: SignedText;
  readonly #reasoning: SignedText;
  readonly #toolCalls: ToolCalls;
  /** A body that could be parsed is whole, whatever it says. */
  #isBody = false;
  #hasCandidate = false;
  #said = false;
  #finish = '';
  /** Why the prompt was refused. */
  #blocked = '';
  #continuation = '';
  /** The last counts: each chunk's include those before. */
  #usage: UnknownObject | undefined;
  #model = '';
  #id = '';

  constructor(target: Target, emit: (delta: Delta) => void) {
    this.#target = target;
    this.#emit = (delta) => {
      this.#said = true;
      emit(delta);
    };
    this.#text = new SignedText(target, (text, state) => this.#emit(textDelta(text, state)));
    this.#reasoning = new SignedText(target, (text, state) => this.#emit(reasoningDelta(text, state)));
    this.#toolCalls = new ToolCalls(target, this.#emit);
  }

  push({ data }: Frame): void {
    if (data !== '') this.#read(parseJson(data));
  }

  chunk(content: unknown): void {
    this.#isBody = true;
    this.#read(content);
  }

  end(): Ending {
    this.#checkWhole();
    this.#text.close();
    this.#reasoning.close();
    if (this.#finish === 'CONTINUATION' && this.#continuation !== '')
      this.#emit(textDelta('', writeContinuation(this.#target, this.#continuation)));
    const billing = readBilling(this.#usage);
    return {
      finishReason: this.#finishReason(),
      providerFinishReason: this.#finish || this.#blocked,
      usage: readUsage(this.#usage),
      providerModel: this.#model,
      providerResponseId: this.#id,
      warnings: this.#warnings.all,
      ...(billing ? { billing } : {}),
    };
  }

  /** Without `alt=sse`, a stream is one list of its chunks. */
  #read(content: unknown): void {
    if (Array.isArray(content)) for (const chunk of content) this.#chunk(chunk);
    else this.#chunk(content);
  }

  #chunk(content: unknown): void {
    const chunk = asObject(content);
    if (!chunk) throw notAnAnswer();
    if (chunk.error) throw reportedFailure(chunk);
    if (this.#model === '') this.#model = modelId(chunk.modelVersion);
    if (this.#id === '') this.#id = asString(chunk.responseId).toWellFormed();
    const usage = asObject(chunk.usageMetadata);
    if (usage && countsTokens(usage)) this.#usage = usage;
    this.#blocked = asString(asObject(chunk.promptFeedback)?.blockReason).toWellFormed() || this.#blocked;
    for (const candidate of asArray(chunk.candidates)) this.#candidate(asObject(candidate));
  }

  #candidate(candidate: UnknownObject | undefined): void {
    if (!candidate) return;
    if (typeof candidate.index === 'number' && candidate.index !== 0) {
      this.#warnings.add(contentOmitted('The provider gave several answers; only the first was kept.'));
      return;
    }
    this.#hasCandidate = true;
    this.#finish = asString(candidate.finishReason).toWellFormed() || this.#finish;
    this.#continuation = asString(candidate.continuationToken) || this.#continuation;
    for (const part of asArray(asObject(candidate.content)?.parts)) this.#part(asObject(part));
    for (const what of omittedOfCandidate(candidate)) this.#omitted(what);
  }

  #part(part: UnknownObject | undefined): void {
    if (!part) return;
    const call = asObject(part.functionCall);
    const signature = asString(part.thoughtSignature).toWellFormed();
    const omitted = omittedOfPart(part);
    if (call) this.#call(call, signature);
    else if (omitted !== undefined) this.#omitted(omitted);
    else this.#words(asString(part.text), part.thought === true, signature);
  }

  #call(call: UnknownObject, signature: string): void {
    this.#text.close();
    this.#reasoning.close();
    this.#toolCalls.push(call, signature, this.#id);
  }

  #words(text: string, isThought: boolean, signature: string): void {
    if (text === '' && signature === '') return;
    const [kind, other] = isThought ? [this.#reasoning, this.#text] : [this.#text, this.#reasoning];
    other.close();
    kind.push(text, signature);
  }

  #omitted(what: string): void {
    this.#warnings.add(contentOmitted(`The answer also held ${what}, which this contract has no place for.`));
  }

  #checkWhole(): void {
    if (this.#blocked !== '' && !this.#said) throw blockedPrompt(this.#blocked);
    if (this.#blocked !== '') return;
    if (this.#isBody && !this.#hasCandidate) throw notAnAnswer();
    if (!this.#isBody && this.#finish === '') throw notWhole();
  }

  /** There is no word of its own for an answer that asks for tools. */
  #finishReason(): FinishReason {
    if (this.#finish === 'STOP' && this.#toolCalls.count > 0) return FinishReason.TOOL_CALLS;
    return this.#finish === '' && this.#blocked !== '' ? FinishReason.CONTENT_FILTER : finishReason(this.#finish);
  }
}

/** Some answers have the name as it is in the listing. */
const modelId = (version: unknown): string =>
  asString(version)
    .replace(/^models\//, '')
    .toWellFormed();
