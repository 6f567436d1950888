import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompleteRequestSchema,
  CompleteResponseSchema,
  FinishReason,
  type PartSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { redactor } from '../../src/core/redact.ts';
import { contentCapture, MAX_CONTENT_CHARACTERS } from '../../src/telemetry/content.ts';

type PartInit = MessageInitShape<typeof PartSchema>;

const KEY = 'the.key.of.the.provider';
const capture = contentCapture(redactor([KEY]));

const text = (value: string): PartInit => ({ part: { case: 'text', value } });
const asked = (request: MessageInitShape<typeof CompleteRequestSchema>) =>
  capture.request(create(CompleteRequestSchema, request));
const parsed = (attributes: object) =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, typeof value === 'string' ? JSON.parse(value) : value]),
  );

describe('what is asked', () => {
  it('is the instructions, the messages and the tools', () => {
    const call = { id: 'c-1', name: 'look', arguments: `{"for":"rain","key":"${KEY}"}` };
    const attributes = asked({
      messages: [
        { role: Role.SYSTEM, content: [text('Be short.')] },
        { role: Role.DEVELOPER, content: [text(`Never tell ${KEY}.`)] },
        { role: Role.USER, content: [text('Will it rain?')] },
        {
          role: Role.ASSISTANT,
          content: [
            { part: { case: 'reasoning', value: { text: 'I look.' } } },
            { part: { case: 'toolCall', value: call } },
          ],
        },
        {
          role: Role.TOOL,
          content: [
            { part: { case: 'toolResult', value: { toolCallId: 'c-1', content: [text('wet')], isError: true } } },
          ],
        },
        { role: Role.SYSTEM, content: [text('Be shorter.')] },
        { role: Role.ASSISTANT, content: [{ part: { case: 'refusal', value: 'No.' } }] },
      ],
      tools: [{ name: 'look', description: 'Looks out.', parameters: '{"type":"object"}' }, { name: 'wait' }],
    });
    expect(parsed(attributes)).toEqual({
      'gen_ai.system_instructions': [
        { type: 'text', content: 'Be short.' },
        { type: 'text', content: 'Never tell [redacted].' },
      ],
      'gen_ai.input.messages': [
        { role: 'user', parts: [{ type: 'text', content: 'Will it rain?' }] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'I look.' },
            { type: 'tool_call', id: 'c-1', name: 'look', arguments: { for: 'rain', key: '[redacted]' } },
          ],
        },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c-1', response: 'wet', is_error: true }] },
        { role: 'system', parts: [{ type: 'text', content: 'Be shorter.' }] },
        { role: 'assistant', parts: [{ type: 'refusal', content: 'No.' }] },
      ],
      'gen_ai.tool.definitions': [
        { type: 'function', name: 'look', description: 'Looks out.', parameters: { type: 'object' } },
        { type: 'function', name: 'wait' },
      ],
    });
  });

  it('is of media only what they are and how large', () => {
    const data = Buffer.from('CANARYdata');
    const image: PartInit = {
      part: { case: 'image', value: { source: { case: 'data', value: data }, mediaType: 'image/png' } },
    };
    const value = { source: { case: 'url' as const, value: 'https://files/CANARYurl' }, filename: 'CANARYname' };
    const document: PartInit = { part: { case: 'document', value } };
    const result: PartInit = { part: { case: 'toolResult', value: { toolCallId: 'c', content: [text('a'), image] } } };
    const attributes = asked({
      messages: [
        { role: Role.USER, content: [image, document] },
        { role: Role.TOOL, content: [result] },
      ],
    });
    const told = { type: 'media', modality: 'image', mime_type: 'image/png', bytes: 10 };
    expect(parsed(attributes)['gen_ai.input.messages']).toEqual([
      { role: 'user', parts: [told, { type: 'media', modality: 'document', source: 'url' }] },
      {
        role: 'tool',
        parts: [{ type: 'tool_call_response', id: 'c', response: [{ type: 'text', content: 'a' }, told] }],
      },
    ]);
    expect(JSON.stringify(attributes)).not.toMatch(/CANARY|Q0FOQVJZ/);
  });

  it('is the latest messages where there is no room for all, and says how much is left out', () => {
    const messages = Array.from({ length: 100 }, (_, n) => ({
      role: Role.USER,
      content: [text(`${n} ${'x'.repeat(1_000)}`)],
    }));
    const { 'gen_ai.input.messages': told, 'antiphon.content.omitted': left } = parsed(asked({ messages }));
    expect(told.length).toBeGreaterThan(10);
    expect(told.at(-1).parts[0].content).toMatch(/^99 /);
    expect(told.length + left).toBe(100);
  });

  it('is of a message with very many pieces the first ones', () => {
    const content = Array.from({ length: 1_000 }, (_, n) => text(`piece ${n}`));
    const [{ parts }] = parsed(asked({ messages: [{ role: Role.USER, content }] }))['gen_ai.input.messages'];
    expect([parts.length, parts.at(-1)]).toEqual([65, { type: 'omitted', parts: 936 }]);
  });

  it('is never longer than its bound, and always JSON, whatever it is', () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('\u0001'.repeat(5_000), '"'.repeat(9_000), 'ä'.repeat(20_000)),
    );
    const part = fc.oneof(
      words.map(text),
      words.map(
        (value): PartInit => ({ part: { case: 'toolCall', value: { id: value, name: value, arguments: value } } }),
      ),
      words.map(
        (value): PartInit => ({
          part: { case: 'toolCall', value: { id: 'a', name: 'b', arguments: JSON.stringify([value]) } },
        }),
      ),
      fc
        .array(words, { maxLength: 9 })
        .map((all): PartInit => ({ part: { case: 'toolResult', value: { content: all.map(text) } } })),
    );
    const roles = fc.constantFrom(Role.SYSTEM, Role.USER, Role.ASSISTANT);
    const message = fc.record({ role: roles, content: fc.array(part, { maxLength: 70 }) });
    const tool = fc.record({ name: words, description: words, parameters: words });
    const request = fc.record({
      messages: fc.array(message, { maxLength: 8 }),
      tools: fc.array(tool, { maxLength: 8 }),
    });
    fc.assert(
      fc.property(request, ({ messages, tools }) => {
        const attributes = asked({ messages, tools });
        const texts = Object.values(attributes).filter((value) => typeof value === 'string');
        for (const value of texts) expect(value.length).toBeLessThanOrEqual(MAX_CONTENT_CHARACTERS);
        const dialogue = parsed(attributes)['gen_ai.input.messages'] ?? [];
        // The latest message is always there, if only by its role.
        expect(dialogue.length > 0).toBe(messages.some(({ role }) => role !== Role.SYSTEM));
      }),
    );
  });
});

describe('what is answered', () => {
  const answered = (content: PartInit[], finishReason = FinishReason.STOP) =>
    parsed(capture.response(create(CompleteResponseSchema, { content, finishReason })))['gen_ai.output.messages'];

  it('is one message with the reason of its end', () => {
    const call: PartInit = { part: { case: 'toolCall', value: { id: 'c', name: 'look', arguments: '{' } } };
    expect(answered([text(`so: ${KEY}`), call], FinishReason.TOOL_CALLS)).toEqual([
      {
        role: 'assistant',
        parts: [
          { type: 'text', content: 'so: [redacted]' },
          { type: 'tool_call', id: 'c', name: 'look', arguments: '{' },
        ],
        finish_reason: 'tool_call',
      },
    ]);
  });

  it('is cut where it is long', () => {
    const [{ parts }] = answered([text('x'.repeat(50_000))]);
    expect(parts[0].content).toBe(`${'x'.repeat(4_096)}... [50000 characters]`);
  });

  it('may be nothing', () => {
    expect(answered([])).toEqual([{ role: 'assistant', parts: [], finish_reason: 'stop' }]);
  });
});
