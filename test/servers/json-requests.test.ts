import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { jsonOptionsFor } from '../../src/servers/json-requests.ts';

const { textDecoder } = jsonOptionsFor(CompleteRequestSchema);
const decode = (text: string | Uint8Array) => textDecoder.decode(Buffer.from(text));

it('gives the text of a request that fits', () => {
  const text = '{"model":"a","unknown":1,"messages":[{"role":"ROLE_USER","content":[{"text":"ö"}]}]}';
  expect(decode(text)).toBe(text);
});

it.each([
  [
    '{"messages":[{"content":"a secret"}]}',
    'The JSON of the request does not fit the field antiphon.v1.Message.content.',
  ],
  [
    '{"temperature":"a secret"}',
    'The JSON of the request does not fit the field antiphon.v1.CompleteRequest.temperature.',
  ],
  ['a secret', 'The request is not JSON, or not that of its message.'],
  ['["a secret"]', 'The request is not JSON, or not that of its message.'],
  ['{"model":"a sec', 'The request is not JSON, or not that of its message.'],
])('says what is wrong with %s and does not repeat it', (text, message) => {
  expect(() => decode(text)).toThrow(expect.objectContaining({ rawMessage: message, code: Code.InvalidArgument }));
});

it('refuses what is not UTF-8', () => {
  expect(() => decode(new Uint8Array([0x22, 0xff, 0x22]))).toThrow('The request is not UTF-8.');
});
