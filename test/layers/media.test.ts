import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../../src/core/call.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { media } from '../../src/layers/media.ts';
import { helloResponse, testCall } from '../support/calls.ts';
import { fakeClock } from '../support/fake-clock.ts';

describe('media', () => {
  it('passes on the request with its files, and counts the wait as one for others', async () => {
    const clock = fakeClock();
    const fetched = create(CompleteRequestSchema, { model: 'with files' });
    const call = testCall();
    const seen: Call[] = [];
    const inline = async (request: Call['request'], signal: AbortSignal) => {
      expect([request, signal]).toEqual([call.request, call.signal]);
      clock.advance(70);
      return { request: fetched, release: () => undefined };
    };
    await media(
      inline,
      clock,
    )(async (inner) => {
      seen.push(inner);
      return helloResponse();
    })(call);
    expect(seen[0]?.request).toBe(fetched);
    expect(call.trail.upstreamMs).toBe(70);
  });

  it('passes on the very same call if there is nothing to fetch', async () => {
    const call = testCall();
    const layer = media(async (request) => ({ request, release: () => undefined }), fakeClock());
    await layer(async (inner) => {
      expect(inner).toBe(call);
      return helloResponse();
    })(call);
  });

  it('keeps the files for as long as the call lasts, and no longer, and counts that as no wait for them', async () => {
    const clock = fakeClock();
    let held = true;
    const release = () => {
      held = false;
    };
    const layer = media(async (request) => ({ request, release }), clock);
    const call = testCall();
    await layer(async () => {
      await Promise.resolve();
      clock.advance(70);
      expect(held).toBe(true);
      return helloResponse();
    })(call);
    expect([held, call.trail.upstreamMs]).toEqual([false, 0]);
    held = true;
    await expect(layer(() => Promise.reject(new Error('no')))(testCall())).rejects.toThrow('no');
    expect(held).toBe(false);
  });

  it('asks no provider if a file cannot be had', async () => {
    const refusal = new GatewayError('invalid_request', 'no');
    const layer = media(async () => Promise.reject(refusal), fakeClock());
    const complete = layer(() => expect.fail('asked'));
    await expect(complete(testCall())).rejects.toBe(refusal);
  });
});
