import { describe, expect, it } from 'vitest';
import { FinishReason } from '#gen/antiphon/v1/completion_pb.js';
import { GeminiDecoder } from '../../../src/dialects/gemini/decoder.ts';
import { body, candidate, failureOf, folded, said, short, stream, target } from './hear.ts';

describe('parts', () => {
  it.each<[string, unknown[], string[]]>([
    ['nothing says nothing', [{ text: '' }, {}, null, { text: '', thought: true }, { videoMetadata: {} }], []],
    ['thoughts before text', [{ text: 'a', thought: true }, { text: 'b' }], ['(a)', 'b']],
    ['text that is no text', [{ text: 7 }, { text: 'a', thought: 'yes' }], ['a']],
    ['a signature on text', [{ text: 'a', thoughtSignature: 's' }], ['a', '*']],
    ['a signature alone', [{ text: 'a' }, { thoughtSignature: 's' }, { text: 'b' }], ['a', '*', 'b']],
    ['a signature on a thought', [{ text: 'a', thought: true, thoughtSignature: 's' }], ['(a)', '()*']],
    [
      'a call, its signature and no arguments',
      [{ functionCall: { id: 'x', name: 'f' }, thoughtSignature: 's' }],
      ['0:x:f:{}*'],
    ],
    [
      'text around a call',
      [{ text: 'a' }, { functionCall: { id: 'x', name: 'f' } }, { text: 'b' }],
      ['a', '0:x:f:{}', 'b'],
    ],
  ])('%s', (_, parts, expected) => {
    expect(short(said(...parts))).toEqual(expected);
  });

  it('of an unknown kind are told of', () => {
    const { ending } = said(
      { hologram: { data: 'x' } },
      { text: 'a', inlineData: {} },
      { executableCode: { code: 'x' } },
    );
    expect(ending.warnings.map(({ message }) => message)).toEqual([
      'The answer also held parts of a kind that is not known here, which this contract has no place for.',
      'The answer also held code that the provider ran, which this contract has no place for.',
    ]);
  });

  it('are kept from the first answer only', () => {
    const heard = stream({ candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' }, { index: 1 }] });
    expect(short(heard)).toEqual(['a']);
    expect(heard.ending.warnings).toHaveLength(1);
  });
});

describe('surrogate pairs', () => {
  const [high, low] = ['\ud83d', '\ude00'];

  it.each<[string, unknown[], string[]]>([
    ['cut in two', [{ text: `a${high}` }, { text: `${low}b` }], ['a', '😀b']],
    [
      'cut by a signature',
      [{ text: `a${high}`, thoughtSignature: 's' }, { text: low }],
      ['a', '\ufffd', '*', '\ufffd'],
    ],
    ['cut by a thought', [{ text: high }, { text: 'x', thought: true }, { text: low }], ['\ufffd', '(x)', '\ufffd']],
    ['cut by a call', [{ text: high }, { functionCall: { id: 'i', name: 'f' } }], ['\ufffd', '0:i:f:{}']],
    ['cut by the end', [{ text: high }], ['\ufffd']],
  ])('%s', (_, parts, expected) => {
    expect(short(said(...parts))).toEqual(expected);
  });
});

describe('the end', () => {
  it.each<[string, FinishReason]>([
    ['STOP', FinishReason.STOP],
    ['MAX_TOKENS', FinishReason.LENGTH],
    ['SAFETY', FinishReason.CONTENT_FILTER],
    ['RECITATION', FinishReason.CONTENT_FILTER],
    ['BLOCKLIST', FinishReason.CONTENT_FILTER],
    ['PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
    ['SPII', FinishReason.CONTENT_FILTER],
    ['IMAGE_SAFETY', FinishReason.CONTENT_FILTER],
    ['IMAGE_PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
    ['IMAGE_RECITATION', FinishReason.CONTENT_FILTER],
    ['CONTINUATION', FinishReason.PAUSED],
    ['MALFORMED_FUNCTION_CALL', FinishReason.ERROR],
    ['UNEXPECTED_TOOL_CALL', FinishReason.ERROR],
    ['TOO_MANY_TOOL_CALLS', FinishReason.ERROR],
    ['MALFORMED_RESPONSE', FinishReason.ERROR],
    ['LANGUAGE', FinishReason.OTHER],
    ['NO_IMAGE', FinishReason.OTHER],
    ['OTHER', FinishReason.OTHER],
    ['SOMETHING_NEW', FinishReason.OTHER],
  ])('%s', (word, reason) => {
    const { ending } = stream(candidate([{ text: 'a' }], { finishReason: word }));
    expect([ending.finishReason, ending.providerFinishReason]).toEqual([reason, word]);
  });

  it('that stops at a call waits for its result, but not one that was cut off', () => {
    const call = { functionCall: { name: 'f' } };
    expect(said(call).ending.finishReason).toBe(FinishReason.TOOL_CALLS);
    const cut = stream(candidate([call], { finishReason: 'MAX_TOKENS' }));
    expect(cut.ending.finishReason).toBe(FinishReason.LENGTH);
  });

  it('may come before the last chunk', () => {
    const heard = stream(candidate([{ text: 'a' }], { finishReason: 'STOP' }), candidate([{ text: 'b' }]));
    expect([short(heard), heard.ending.finishReason]).toEqual([['a', 'b'], FinishReason.STOP]);
  });

  it('that pauses leaves its last token behind', () => {
    const heard = stream(
      candidate([{ text: 'a' }], { continuationToken: 'one' }),
      candidate([], { continuationToken: 'two', finishReason: 'CONTINUATION' }),
    );
    expect(folded(heard).map(({ providerState }) => Buffer.from(providerState?.data ?? []).toString())).toEqual([
      '{"continuationToken":"two"}',
    ]);
    const stopped = stream(candidate([{ text: 'a' }], { continuationToken: 'one', finishReason: 'STOP' }));
    expect(short(stopped)).toEqual(['a']);
  });

  it('is missing from a stream, but a body is whole', () => {
    expect(failureOf(() => stream(candidate([{ text: 'a' }]))).kind).toBe('upstream_incomplete');
    expect(failureOf(() => stream()).kind).toBe('upstream_incomplete');
    expect(body(candidate([{ text: 'a' }])).ending.finishReason).toBe(FinishReason.OTHER);
  });
});

describe('a refused prompt', () => {
  const refused = { promptFeedback: { blockReason: 'OTHER' } };

  it('fails if nothing was said', () => {
    for (const act of [() => stream(refused), () => body(refused)]) {
      const { kind, facts } = failureOf(act);
      expect([kind, facts]).toEqual(['content_blocked', { upstreamCode: 'OTHER' }]);
    }
    const odd = failureOf(() => stream({ promptFeedback: { blockReason: 'because: "hello"' } }));
    expect(odd.facts).toEqual({});
  });

  it('ends what was said', () => {
    const { ending } = stream(candidate([{ text: 'a' }]), refused);
    expect([ending.finishReason, ending.providerFinishReason]).toEqual([FinishReason.CONTENT_FILTER, 'OTHER']);
  });

  it('is none without a reason', () => {
    const { ending } = stream({ promptFeedback: { safetyRatings: [] } }, candidate([], { finishReason: 'STOP' }));
    expect(ending.finishReason).toBe(FinishReason.STOP);
  });
});

describe('what is no answer', () => {
  it.each<[unknown, string]>([
    ['text', 'upstream_bad_response'],
    [[7], 'upstream_bad_response'],
    [[], 'upstream_bad_response'],
    [{}, 'upstream_bad_response'],
    [{ candidates: [null] }, 'upstream_bad_response'],
    [{ error: { code: 503, status: 'UNAVAILABLE' } }, 'upstream_overloaded'],
    [{ error: { status: 'RESOURCE_EXHAUSTED' } }, 'upstream_rate_limited'],
    [[candidate([{ text: 'a' }]), { error: { code: 504, status: 'DEADLINE_EXCEEDED' } }], 'upstream_timeout'],
    [candidate([{ functionCall: { id: 'x' } }]), 'upstream_bad_response'],
    [candidate([{ functionCall: { name: 'f', args: deep(200) } }]), 'upstream_bad_response'],
  ])('%#', (content, kind) => {
    expect(failureOf(() => body(content)).kind).toBe(kind);
  });

  it('may be no JSON', () => {
    const decoder = new GeminiDecoder(target, () => {});
    decoder.push({ event: '', data: '' });
    expect(failureOf(() => decoder.push({ event: '', data: 'Oops' })).kind).toBe('upstream_bad_response');
  });
});

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

describe('what is said once', () => {
  it('is taken from where it first comes, the counts from where they last do', () => {
    const { ending } = stream(
      { modelVersion: 'models/m-001', responseId: 'r1', usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } },
      { responseId: 'r2', ...candidate([], { finishReason: 'STOP' }) },
      { usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 2, thoughtsTokenCount: 3, totalTokenCount: 12 } },
      { usageMetadata: { trafficType: 'ON_DEMAND' } },
    );
    expect([ending.providerModel, ending.providerResponseId]).toEqual(['m-001', 'r1']);
    expect(ending.usage).toMatchObject({ inputTokens: 7n, outputTokens: 5n, totalTokens: 12n, reasoningTokens: 3n });
    expect(ending.billing).toBeUndefined();
  });

  it('may be nothing', () => {
    expect(said({ text: 'a' }).ending.usage).toBeUndefined();
  });
});

it('sums up a stream that came as one list', () => {
  expect(short(body([candidate([{ text: 'a' }]), candidate([{ text: 'b' }], { finishReason: 'STOP' })]))).toEqual([
    'a',
    'b',
  ]);
});
