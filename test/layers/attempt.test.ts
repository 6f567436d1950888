import { beforeEach, describe, expect, it } from 'vitest';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { GatewayError } from '../../src/core/errors.ts';
import { noSpan, type Span } from '../../src/core/span.ts';
import { attempt, type Busy } from '../../src/layers/attempt.ts';
import { helloResponse, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

const providers: string[] = [];
const busy: Busy = {
  started: (provider) => void providers.push(`+${provider}`),
  ended: (provider) => void providers.push(`-${provider}`),
};

beforeEach(() => void providers.splice(0));

describe('attempt', () => {
  it('records a try that answers', async () => {
    const clock = fakeClock();
    const call = testCall();
    await attempt(
      clock,
      busy,
    )(async (inner) => {
      expect(inner.attempt).toBe(call.trail.attempts[0]);
      clock.advance(1_500);
      return helloResponse();
    })(call);
    const [record] = call.trail.attempts;
    expect(record).toMatchObject({ provider: 'mock', model: 'echo', status: 0, errorReason: ErrorReason.UNSPECIFIED });
    expect(record?.duration).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
    expect(providers).toEqual(['+mock', '-mock']);
    expect(record?.usage?.totalTokens).toBe(5n);
  });

  it('records a try that fails, and says in the error where', async () => {
    const call = testCall();
    const failing = attempt(
      fakeClock(),
      busy,
    )(async () => {
      throw new GatewayError('upstream_overloaded', 'busy', { upstreamRequestId: 'req-9' });
    });
    await expect(failing(call)).rejects.toMatchObject({ facts: { target: { provider: 'mock', model: 'echo' } } });
    expect(providers).toEqual(['+mock', '-mock']);
    expect(call.trail.attempts[0]).toMatchObject({
      status: 14,
      errorReason: ErrorReason.UPSTREAM_OVERLOADED,
      upstreamRequestId: 'req-9',
    });
  });

  it('makes one span, a child of the call, and ends it', async () => {
    const seen: string[] = [];
    const span: Span = {
      ...noSpan,
      child: (name) => ({ ...span, end: () => seen.push(`end ${name}`), fail: (type) => seen.push(type) }),
    };
    await attempt(fakeClock(), busy)(async () => helloResponse())(testCall({ span }));
    await attempt(
      fakeClock(),
      busy,
    )(async () => {
      throw new Error('a defect');
    })(testCall({ span })).catch(() => undefined);
    expect(seen).toEqual(['end attempt', 'internal', 'end attempt']);
  });
});
