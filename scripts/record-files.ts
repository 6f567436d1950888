import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '@bufbuild/protobuf';
import { GatewayError } from '../src/core/errors.ts';
import { tryParseJson } from '../src/core/json.ts';
import { asReply, hearBody, hearStream } from '../test/support/fixtures.ts';
import type { Question, RawAnswer } from './record-exchange.ts';
import type { Scrub } from './record-scrub.ts';

/** Texts of files by their names, in the folder of a case. */
export type CaseFiles = Readonly<Record<string, string>>;

/** Headers that a failure's meaning may depend on. All others are left out. */
const KEPT = /^(?:content-type|date|retry-after(?:-ms)?|x-should-retry|(?:x|anthropic)-ratelimit-[a-z-]+)$/;

export const jsonFile = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * What is kept of an answer: its bytes, and what our own decoder makes of them. A stream may come unasked: where an
 * answer may be long, a dialect asks for one whatever the caller wants.
 */
export function filesOf(question: Question, answer: RawAnswer, asked: 'unary' | 'stream', scrub: Scrub): CaseFiles {
  const stream = asked === 'stream' || (answer.headers['content-type'] ?? '').includes('event-stream');
  const text = scrub(answer.text);
  if (answer.status < 200 || answer.status > 299) return failureFiles(question, { ...answer, text }, scrub);
  const name = stream ? 'stream.txt' : 'body.json';
  const body = stream ? undefined : tryParseJson(text);
  if (!stream && body === undefined) throw new Error('The provider answered with something that is not JSON.');
  const kept = { [name]: stream ? text : jsonFile(body) };
  try {
    return { ...kept, 'reply.json': jsonFile(replyOf(question, text, body)) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { ...kept, 'failure.json': jsonFile({ kind: error.kind }) };
  }
}

function replyOf({ heardBy: dialect, target }: Question, text: string, body: unknown): JsonValue {
  const heard = body === undefined ? hearStream(dialect, target, [Buffer.from(text)]) : hearBody(dialect, target, body);
  return asReply(heard);
}

function failureFiles({ heardBy: dialect }: Question, { status, headers: all, text }: RawAnswer, scrub: Scrub) {
  const kept = Object.entries(all).filter(([name]) => KEPT.test(name));
  const headers = Object.fromEntries(kept.map(([name, value]) => [name, scrub(value)]));
  const { kind } = dialect.failure({ status, headers, body: text });
  const reply = { status, headers, body: tryParseJson(text) ?? text };
  return { 'failure.json': jsonFile({ reply, kind }) };
}

/**
 * The folders of a case. Both answers stand in one only if they come to the same, as the laws over fixtures demand;
 * else the streamed one gets a folder of its own.
 */
export function foldersOf(name: string, unary: CaseFiles | undefined, streamed: CaseFiles | undefined) {
  if (!unary || !streamed) return { [name]: unary ?? streamed ?? {} };
  const same = ['reply.json', 'failure.json'].every((file) => isDeepStrictEqual(unary[file], streamed[file]));
  return same ? { [name]: { ...unary, ...streamed } } : { [name]: unary, [`${name}-streamed`]: streamed };
}
