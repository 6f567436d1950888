import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaSchema } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { bareType, base64, dataUrl, filenameOf, imageUrl, lacks } from '../../../src/dialects/grammar/media.ts';

const media = (init: MessageInitShape<typeof MediaSchema>) => create(MediaSchema, init);

it.each<[string, string]>([
  ['image/PNG', 'image/png'],
  [' text/plain ; charset="utf-8"', 'text/plain'],
  ['', ''],
  [';', ''],
  ['a\ud800', 'a\ufffd'],
])('the bare type of %j is %j', (mediaType, expected) => expect(bareType(mediaType)).toBe(expected));

describe('bytes', () => {
  it('can be had back from their base64', () => {
    const property = fc.property(fc.uint8Array(), (bytes) => {
      expect(new Uint8Array(Buffer.from(base64(bytes), 'base64'))).toEqual(bytes);
    });
    fc.assert(property);
  });

  it('that are a view are not taken for the whole buffer', () => {
    const view = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
    expect(base64(view)).toBe('AgM=');
    expect(dataUrl(view, 'Image/PNG; x=1')).toBe('data:image/png;base64,AgM=');
  });
});

describe('an image', () => {
  it('is its URL, or one with its bytes', () => {
    const url = media({ source: { case: 'url', value: 'https://example.com/\ud800' } });
    expect(imageUrl(url, 'at')).toBe('https://example.com/\ufffd');
    const data = media({ source: { case: 'data', value: new Uint8Array([1]) }, mediaType: 'image/png' });
    expect(imageUrl(data, 'at')).toBe('data:image/png;base64,AQ==');
  });

  it('that is nowhere is refused', () => {
    expect(() => imageUrl(media({}), 'messages[0].content[0].image')).toThrow('messages[0].content[0].image must have');
  });
});

it.each<[string, string, string]>([
  ['a.txt', 'application/pdf', 'a.txt'],
  ['', 'application/PDF; x=1', 'document.pdf'],
  ['', 'text/plain', 'document'],
  ['a\udc00', '', 'a\ufffd'],
])('the name of the document %j of type %j is %j', (filename, mediaType, expected) => {
  expect(filenameOf(media({ filename, mediaType }))).toBe(expected);
});

it('what a model lacks is told by field', () => {
  const error = lacks('messages[0]', 'must be text');
  expect(error).toBeInstanceOf(GatewayError);
  expect([error.kind, error.message, error.facts.violations]).toEqual([
    'model_lacks_ability',
    'messages[0] must be text.',
    [{ field: 'messages[0]', description: 'must be text' }],
  ]);
});
