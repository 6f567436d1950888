import { describe, expect, it } from 'vitest';
import { validateCompleteRequest } from '../../src/services/validate/request.ts';
import { speaking } from '../support/recorded.ts';
import { type Exchange, loadRecordings, recordingsDir } from '../support/recordings.ts';
import { array, type Json, object, objects } from '../support/recordings-json.ts';
import { requestFrom } from '../support/recordings-request.ts';

/** Every string in a value, and every key if it is wanted. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(strings);
}

/** What was said and offered in a recorded request, wherever it stands in its format. */
function said(body: unknown): string[] {
  const { messages, contents, input, system, instructions, systemInstruction } = object(body);
  return [messages, contents, input, system, instructions, systemInstruction].flatMap(textsIn);
}

/** Texts of messages: plain content, and parts of the kinds that every format has. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== 'object' || value === null) return [];
  const { text, content, parts, refusal, output } = object(value);
  const own = typeof text === 'string' && object(value).thought !== true ? [text] : [];
  return [...own, ...[content, parts, refusal, output].flatMap(textsIn)];
}

/** The tools that the caller runs, by their names. */
const offered = (body: unknown): string[] =>
  objects(object(body).tools).flatMap((tool: Json) => {
    const declared = objects(tool.functionDeclarations);
    const isOwn = tool.input_schema !== undefined || tool.type === 'function';
    return [...declared, ...(isOwn ? [tool.function ? object(tool.function) : tool] : [])].flatMap(({ name }) =>
      array([name]).flatMap(strings),
    );
  });

const exchanges = loadRecordings(({ endpoint, request }) => endpoint !== 'models' && request.body !== null);

const sentFor = (exchange: Exchange): string => {
  const { dialect, target } = speaking(exchange);
  const request = requestFrom(exchange, target.provider);
  expect(() => validateCompleteRequest(request)).not.toThrow();
  return strings(dialect.toWire({ ...request, model: target.model }, target, exchange.mode === 'stream').body).join(
    '\n',
  );
};

describe.skipIf(recordingsDir === undefined)('a recorded request, said in the contract and said again', () => {
  it.each(exchanges.map((one) => [one.id, one] as const))('%s', (_, exchange) => {
    const sent = sentFor(exchange);
    const { body } = exchange.request;
    const lost = [...said(body), ...offered(body)].map((text) => text.trim()).filter((text) => !sent.includes(text));
    expect(lost).toEqual([]);
  });

  it('is there for nearly all of them', () => {
    expect(exchanges.length).toBeGreaterThan(200);
  });
});
