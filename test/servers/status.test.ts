import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AttemptSchema,
  type CallFailure,
  CallFailureSchema,
  CostSchema,
  CostStatus,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import type { ErrorInfo } from '#gen/google/rpc/error_details_pb.js';
import { StatusSchema } from '#gen/google/rpc/status_pb.js';
import { type ErrorFacts, type ErrorKind, errorKinds, GatewayError } from '../../src/core/errors.ts';
import { redactor } from '../../src/core/redact.ts';
import { statusMessage, statusOf } from '../../src/servers/status.ts';

const SECRET = 'canary-secret-value';
const redact = redactor([SECRET]);
const status = (facts: ErrorFacts = {}, message = 'It failed.', kind: ErrorKind = 'upstream_error') =>
  statusOf(new GatewayError(kind, message, facts), redact);
const infoOf = ({ details }: ReturnType<typeof status>) => details[0]?.value as ErrorInfo;
const badRequestOf = ({ details }: ReturnType<typeof status>) =>
  details.map(({ value }) => value).find((value) => value.$typeName === 'google.rpc.BadRequest');
const failureOf = ({ details }: ReturnType<typeof status>) =>
  details.map(({ value }) => value).find((value) => value.$typeName === 'antiphon.v1.CallFailure');

/** Text as the worst provider sends it: any code units, keys, line ends. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\ud800',
        '\udfff',
        '\r\n',
        '\0',
        '\u2028',
        SECRET,
        `sk-${'a'.repeat(20)}`,
        '日本語',
        'x'.repeat(900),
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

/** What gRPC sends: percent-encoded message, and the details as base64. */
function trailerBytes(sent: ReturnType<typeof status>): number {
  const details = toBinary(StatusSchema, statusMessage(sent)).length;
  return encodeURIComponent(sent.message).length + Math.ceil(details / 3) * 4;
}

describe('whatever the error says', () => {
  const violations = fc.array(fc.record({ field: anyText, description: anyText }), { maxLength: 80 });
  const attempts = fc.record({ provider: anyText, model: anyText, leftBecause: anyText, upstreamRequestId: anyText });
  const failures = fc
    .record({ attempts: fc.array(attempts, { maxLength: 8 }), selectionReason: anyText })
    .map((init) => create(CallFailureSchema, init));
  const facts = fc.record(
    {
      detail: anyText,
      violations,
      target: fc.record({ provider: anyText, model: anyText }),
      upstreamCode: anyText,
      upstreamRequestId: anyText,
      retryAfterMs: fc.double({ noNaN: true, min: -1e6, max: 1e9 }),
      failure: failures,
    },
    { requiredKeys: [] },
  );

  test('its texts are well formed, on one line, short, and without secrets', () => {
    fc.assert(
      fc.property(fc.constantFrom(...errorKinds), anyText, facts, (kind, message, each) => {
        const sent = status(each as ErrorFacts, message, kind);
        const texts = [sent.message, ...Object.values(infoOf(sent).metadata)];
        for (const { field, description } of badRequestOf(sent)?.fieldViolations ?? []) texts.push(field, description);
        const { selectionReason = '', attempts: shown = [] } = failureOf(sent) ?? {};
        texts.push(selectionReason);
        for (const one of shown) texts.push(one.provider, one.model, one.leftBecause, one.upstreamRequestId);
        for (const text of texts) {
          expect(text.isWellFormed()).toBe(true);
          expect(text).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
          expect(text).not.toContain(SECRET);
          expect(text.length).toBeLessThanOrEqual(1024);
        }
      }),
      { numRuns: 200, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true },
    );
  });

  test('leaves a KiB of 6 KiB of trailers for the ids of the call', () => {
    fc.assert(
      fc.property(anyText, facts, (message, each) => {
        expect(trailerBytes(status(each as ErrorFacts, message))).toBeLessThan(5 * 1024);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: true },
    );
  });
});

test.each(errorKinds)('%s has the code of the table and its reason without the prefix', (kind) => {
  const sent = status({}, 'It failed.', kind);
  expect(sent.code).toBe(new GatewayError(kind, '').rule.code);
  expect(infoOf(sent)).toMatchObject({ reason: kind.toUpperCase(), domain: 'antiphon.v1', metadata: {} });
});

test('the metadata names what is known of the provider', () => {
  const target = { provider: 'openai', model: 'gpt-6-luna' };
  const sent = status({ target, upstreamStatus: 503, upstreamCode: 'overloaded', upstreamRequestId: 'req_1' });
  expect(infoOf(sent).metadata).toEqual({
    provider: 'openai',
    model: 'gpt-6-luna',
    upstream_status: '503',
    upstream_code: 'overloaded',
    upstream_request_id: 'req_1',
  });
});

test.each([
  [{}, 'It failed.'],
  [{ detail: 'quota of org used up' }, 'It failed.: quota of org used up'],
  [{ detail: 'a\r\nb\0c' }, 'It failed.: a b c'],
  [{ detail: '\ud800 half' }, 'It failed.: \ufffd half'],
  [{ detail: `key ${SECRET}` }, 'It failed.: key [redacted]'],
])('message of %j', (facts, message) => {
  expect(status(facts).message).toBe(message);
});

test('a long message is cut between characters', () => {
  expect(status({}, 'a'.repeat(200_000)).message).toBe(`${'a'.repeat(1021)}...`);
  expect(status({}, 'word '.repeat(40_000)).message).toMatch(/^word .*\.\.\.$/);
  expect(status({}, '語 '.repeat(600)).message).toMatch(/^[語 ]+$/);
});

test('a secret at the place where a long text is cut does not leave in half', () => {
  const long = `${'//u:p@ '.repeat(584)}${SECRET}`;
  expect(long.indexOf(SECRET)).toBeLessThan(4096);
  expect(long.length).toBeGreaterThan(4096);
  const { message } = status({}, long);
  expect(message).not.toContain(SECRET.slice(0, 6));
});

test.each([
  [0, 0, { seconds: 0n, nanos: 0 }],
  [1500, 1500, { seconds: 1n, nanos: 500_000_000 }],
  [0.2, 1, { seconds: 0n, nanos: 1_000_000 }],
  [-5, 0, { seconds: 0n, nanos: 0 }],
])('a wait of %d ms', (retryAfterMs, sentMs, retryDelay) => {
  const sent = status({ retryAfterMs });
  expect(sent.retryAfterMs).toBe(sentMs);
  expect(sent.details[1]?.value).toMatchObject({ $typeName: 'google.rpc.RetryInfo', retryDelay });
});

test('limits without room are told, without secrets', () => {
  const quota = [{ subject: `the key ${SECRET}`, description: 'At most 5 requests a day.' }];
  const violations = [{ subject: expect.not.stringContaining(SECRET), description: 'At most 5 requests a day.' }];
  expect(status({ quota }).details[1]?.value).toMatchObject({ $typeName: 'google.rpc.QuotaFailure', violations });
});

test('no wait known: no RetryInfo', () => {
  expect(status().retryAfterMs).toBeUndefined();
  expect(status().details).toHaveLength(1);
});

test('few violations are all told', () => {
  const violations = [{ field: 'messages[0].role', description: 'It is required.' }];
  expect(badRequestOf(status({ violations }))?.fieldViolations).toMatchObject(violations);
});

test('many violations are bounded, and the last says how many are not shown', () => {
  const violations = Array.from({ length: 200 }, (_, i) => ({ field: `m[${i}]`, description: 'bad' }));
  const shown = badRequestOf(status({ violations }))?.fieldViolations ?? [];
  expect(shown).toHaveLength(51);
  expect(shown.at(-1)).toMatchObject({ field: '', description: '150 more violations are not shown.' });
  const long = violations.map(({ field }) => ({ field, description: 'x'.repeat(1000) }));
  const fewer = badRequestOf(status({ violations: long }))?.fieldViolations ?? [];
  expect(fewer[0]?.description).toHaveLength(300);
  expect(fewer.length).toBeGreaterThan(3);
  expect(fewer.at(-1)?.description).toBe(`${200 - (fewer.length - 1)} more violations are not shown.`);
});

describe('what was tried', () => {
  const usage = create(UsageSchema, { inputTokens: 900n, totalTokens: 900n, estimated: true });
  const cost = create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 9_000n, priceVersion: '2026-11-21' });
  const attempt = (n: number, leftBecause = 'upstream timeout: went on to openai/gpt-6-luna') =>
    create(AttemptSchema, {
      provider: 'anthropic',
      model: `claude-${n}`,
      status: 14,
      errorReason: ErrorReason.UPSTREAM_TIMEOUT,
      duration: { seconds: 3n, nanos: 5e8 },
      leftBecause,
      upstreamRequestId: `req_${'x'.repeat(24)}`,
      usage,
      cost,
    });
  const failure = (...attempts: CallFailure['attempts']) =>
    create(CallFailureSchema, { attempts, usage, cost, selectionReason: 'named; a/b passed over: open' });
  const eight = Array.from({ length: 8 }, (_, i) => attempt(i));

  test('is told whole, if it is as usual', () => {
    const sent = status({ failure: failure(...eight), retryAfterMs: 1_000 });
    expect(failureOf(sent)).toEqual(failure(...eight));
    expect(sent.details).toHaveLength(3);
    expect(trailerBytes(sent)).toBeLessThan(5 * 1024);
  });

  test('is not told where nothing is known', () => {
    expect(failureOf(status())).toBeUndefined();
    expect(failureOf(status({ failure: create(CallFailureSchema, { selectionReason: 'named' }) }))).toBeUndefined();
  });

  test('has no secrets in it, and not what cannot be sent', () => {
    const dirty = { ...attempt(1, `key ${SECRET}`), upstreamRequestId: `a\nb ${SECRET}`, model: '\ud800' };
    const told = failureOf(status({ failure: { ...failure(dirty), selectionReason: SECRET } }));
    expect(told).toMatchObject({
      selectionReason: '[redacted]',
      attempts: [{ leftBecause: 'key [redacted]', upstreamRequestId: 'a b [redacted]', model: '\ufffd' }],
    });
    expect(dirty.leftBecause).toBe(`key ${SECRET}`);
  });

  test('loses its first tries where there is too little room', () => {
    const long = Array.from({ length: 8 }, (_, i) => attempt(i, 'word '.repeat(40).trim()));
    const models = (failureOf(status({ failure: failure(...long) }))?.attempts ?? []).map(({ model }) => model);
    expect(models.length).toBeGreaterThan(2);
    expect(models).toEqual(long.slice(-models.length).map(({ model }) => model));
    expect(models.length).toBeLessThan(8);
  });

  test('is the last to have room: what is wrong with the request goes first', () => {
    const violations = Array.from({ length: 50 }, (_, i) => ({ field: `m[${i}]`, description: 'x'.repeat(290) }));
    const sent = status({ violations, failure: failure(...eight) });
    expect(failureOf(sent)?.attempts.length ?? 0).toBeLessThan(3);
    expect(badRequestOf(sent)?.fieldViolations.length).toBeGreaterThan(3);
    expect(trailerBytes(sent)).toBeLessThan(5 * 1024);
  });

  test.each([600, 700, 800, 900, 1_000])('fits, or is left out, after a message of %i characters', (length) => {
    const sent = status({ failure: failure(...eight) }, '語'.repeat(length));
    expect(trailerBytes(sent)).toBeLessThan(5 * 1024);
    const full = status({ failure: failure(...eight), upstreamCode: 'c'.repeat(200) }, 'm'.repeat(length));
    expect(trailerBytes(full)).toBeLessThan(5 * 1024);
  });

  test('is left out where other details fill the room', () => {
    const long = '語'.repeat(200);
    const facts = { target: { provider: long, model: long }, upstreamCode: long, upstreamRequestId: long };
    const sent = status({ ...facts, failure: failure(...eight) });
    expect(failureOf(sent)).toBeUndefined();
    expect(sent.details).toEqual(status(facts).details);
  });
});
