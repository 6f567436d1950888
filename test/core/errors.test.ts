import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { errorKinds, errorRule, GatewayError, type GrpcCode, grpcCode, toGatewayError } from '../../src/core/errors.ts';

const reasons = Object.values(ErrorReason).filter((value): value is ErrorReason => typeof value === 'number');

/** The status that error.proto writes above each reason, for example `UPSTREAM_TLS: 'UNAVAILABLE'`. */
function writtenCodes(): Map<string, string> {
  const proto = readFileSync(new URL('../../proto/antiphon/v1/error.proto', import.meta.url), 'utf8');
  const rows = proto.matchAll(/^ {2}\/\/ ([A-Z_]+)\. .*\n(?: {2}\/\/.*\n)* {2}ERROR_REASON_([A-Z_]+) = \d+;/gm);
  return new Map([...rows].map(([, code = '', reason = '']) => [reason, code]));
}

const codeNames = new Map<GrpcCode, string>(
  Object.entries(grpcCode).map(([name, code]) => [code, name.replace(/[A-Z]/g, '_$&').toUpperCase()]),
);

/** What an HTTP client may take a gRPC status for. */
const plausibleHttp: Readonly<Record<GrpcCode, readonly number[]>> = {
  [grpcCode.cancelled]: [499],
  [grpcCode.invalidArgument]: [400, 422],
  [grpcCode.deadlineExceeded]: [504],
  [grpcCode.notFound]: [404],
  [grpcCode.alreadyExists]: [409],
  [grpcCode.permissionDenied]: [403],
  [grpcCode.resourceExhausted]: [413, 429, 502],
  [grpcCode.failedPrecondition]: [400, 502],
  [grpcCode.aborted]: [409],
  [grpcCode.unimplemented]: [501],
  [grpcCode.internal]: [500],
  [grpcCode.unavailable]: [502, 503, 504],
  [grpcCode.unauthenticated]: [401],
};

describe('the table of errors', () => {
  it('has exactly one kind for each reason of the contract', () => {
    const used = errorKinds.map((kind) => errorRule(kind).reason);
    expect(used.toSorted((a, b) => a - b)).toEqual(
      reasons.filter((reason) => reason !== ErrorReason.UNSPECIFIED).toSorted((a, b) => a - b),
    );
  });

  it.each(errorKinds)('%s has the name of its reason', (kind) => {
    expect(ErrorReason[errorRule(kind).reason]).toBe(kind.toUpperCase());
  });

  it.each(errorKinds)('%s has the gRPC status that the contract promises', (kind) => {
    const { reason, code } = errorRule(kind);
    expect(codeNames.get(code)).toBe(writtenCodes().get(ErrorReason[reason]));
  });

  it.each(errorKinds)('%s has an HTTP status that fits', (kind) => {
    const { code, http } = errorRule(kind);
    expect(plausibleHttp[code]).toContain(http);
  });

  it.each(errorKinds)('%s is retried, left and counted by whose fault it is', (kind) => {
    const { retry, next, trips, fault } = errorRule(kind);
    if (retry) expect({ next, fault }).toEqual({ next: true, fault: 'provider' });
    if (trips) expect(['provider', 'gateway']).toContain(fault);
    if (fault === 'policy') {
      expect({ retry, trips }).toEqual({ retry: false, trips: false });
      // A model may have limits of its own, or cost too much where another does not.
      expect(next).toBe(kind === 'rate_limited' || kind === 'budget_exceeded');
    }
    if (fault === 'caller') expect({ retry, trips }).toEqual({ retry: false, trips: false });
  });

  it('tells a caller by UNAUTHENTICATED of its own credential only, never of the provider’s', () => {
    const kinds = errorKinds.filter((kind) => errorRule(kind).code === grpcCode.unauthenticated);
    expect(kinds).toEqual(['unauthenticated']);
  });
});

describe('GatewayError', () => {
  it('gives its rule, its facts and its cause', () => {
    const cause = new Error('inner');
    const error = new GatewayError('rate_limited', 'Wait.', { cause, retryAfterMs: 5 });
    expect(error).toMatchObject({ name: 'GatewayError', kind: 'rate_limited', message: 'Wait.', cause });
    expect(error.rule).toBe(errorRule('rate_limited'));
    expect(error.facts.retryAfterMs).toBe(5);
  });

  it('takes more facts, and keeps those it has', () => {
    const target = { provider: 'a', model: 'm' };
    const cause = new Error('inner');
    const error = new GatewayError('upstream_error', 'It failed.', { cause, upstreamStatus: 500 });
    const more = error.with({ upstreamStatus: 502, target });
    expect(more).toMatchObject({ kind: 'upstream_error', message: 'It failed.', cause });
    expect(more.facts).toEqual({ cause, upstreamStatus: 500, target });
    expect(error.facts).toEqual({ cause, upstreamStatus: 500 });
  });

  it('takes another wait', () => {
    const error = new GatewayError('upstream_error', 'It failed.', { retryAfterMs: 9, upstreamStatus: 500 });
    const later = error.withWait(5);
    expect(later).toMatchObject({ kind: 'upstream_error', message: 'It failed.' });
    expect(later.facts).toEqual({ retryAfterMs: 5, upstreamStatus: 500 });
    expect(error.facts.retryAfterMs).toBe(9);
  });
});

describe('toGatewayError', () => {
  it('leaves a GatewayError as it is', () => {
    const error = new GatewayError('cancelled', 'Gone.');
    expect(toGatewayError(error)).toBe(error);
  });

  it.each([
    ['an error', new TypeError('sk-secret in the message')],
    ['a text', 'sk-secret'],
    ['nothing', undefined],
    ['an abort', new DOMException('sk-secret', 'AbortError')],
  ])('hides what %s says, and keeps it for the log', (_, thrown) => {
    const error = toGatewayError(thrown);
    expect(error.kind).toBe('internal');
    expect(error.message).not.toContain('secret');
    expect(error.facts).toEqual({ cause: thrown });
  });
});
