// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { create } from '@bufbuild/protobuf';
import { DurationSchema, durationMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { CompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, type DoorReply, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type Line, type Script, startUpstream, type Upstream } from '../support/upstream.ts';
import { answer, HOWS, type How, type Reply } from './upstream-scene.ts';

/** So long, at the most, the gateway itself would wait before its first repeat. */
const BASE_MS = 300;

const MOST_PASSED_MS = 1_000;

const KEYS = ['sk-test-first-key', 'sk-test-second-key'] as const;

let upstream: Upstream;
let gateway: TestGateway;
let client: DoorClient;

afterEach(async () => {
  client.close();
  await gateway.close();
  await upstream.close();
});

/** A gateway whose provider has two keys; the first is taken nearly always. Nothing is tried twice with one key. */
async function start(script: Script): Promise<void> {
  upstream = await startUpstream(script);
  const api_keys = [
    { name: 'first', key: '${FIRST}', weight: 1000 },
    { name: 'second', key: '${SECOND}', weight: 1 },
  ];
  const file = JSON.stringify({
    providers: { test: { base_url: upstream.url, api_keys, models: ['m'] } },
    retry: { max_retries: 0, base_ms: BASE_MS },
  });
  gateway = await startGateway({ file, env: { FIRST: KEYS[0], SECOND: KEYS[1] } });
  client = grpcClient(gateway.grpcPort);
}

const { complete, streamComplete, health } = LlmService.method;

const ask = (how: How): Promise<Reply> =>
  how === 'unary'
    ? client.unary(complete, helloRequest('test/m'))
    : client.stream(streamComplete, helloRequest('test/m'));

const isFirst = ({ request }: Line): boolean => request.headers.authorization === `Bearer ${KEYS[0]}`;

const errorBody = (code: string) => ({ error: { message: 'It did not work.', type: code, code } });

const always =
  (code: number, word: string, headers: Record<string, string> = {}): Script =>
  (line) =>
    line.json(code, errorBody(word), headers);

async function providerState() {
  const { messages } = await client.unary(health, {});
  return messages[0]?.providers.find(({ provider }) => provider === 'test');
}

const attemptsOf = ({ messages }: Reply) => {
  const last = messages.at(-1);
  const response = last && 'sequence' in last ? (last.event.value as CompleteResponse) : last;
  return response?.attempts.map(({ errorReason, leftBecause }) => [errorReason, leftBecause]);
};

const tell = ({ error, messages }: DoorReply<unknown>) =>
  JSON.stringify([error?.message, error?.metadata, messages.length]);

describe('row 14: a rate limit', () => {
  const now = 'Sat, 21 Nov 2026 12:00:00 GMT';

  it.each<[string, Record<string, string>, number, number]>([
    ['seconds', { 'retry-after': '7' }, 7_000, 7_000],
    ['a date', { 'retry-after': 'Sat, 21 Nov 2026 12:00:30 GMT', date: now }, 30_000, 30_000],
    ['milliseconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500, 1_500],
    ['a huge wait', { 'retry-after': '99999999' }, 3_600_000, 3_600_000],
    ['a date that is over', { 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT', date: now }, 0, 0],
    // The gateway's own advice: the upper half of what it would wait itself.
    ['garbage', { 'retry-after': 'soon' }, BASE_MS / 2, BASE_MS],
    ['nothing', {}, BASE_MS / 2, BASE_MS],
  ])('with a wait given as %s reaches the caller with that wait', async (_, headers, leastMs, mostMs) => {
    await start(always(429, 'rate_limit_exceeded', headers));
    for (const how of HOWS) {
      const { error } = await ask(how);
      expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, errorInfo: { reason: 'UPSTREAM_RATE_LIMITED' } });
      const told = durationMs(error?.retryInfo?.retryDelay ?? create(DurationSchema, { seconds: -1n }));
      // Some of it may have passed by the time that the caller is told.
      expect(told).toBeGreaterThanOrEqual(Math.max(leastMs - MOST_PASSED_MS, 0));
      expect(told).toBeLessThanOrEqual(mostMs);
      expect(error?.metadata['grpc-retry-pushback-ms']).toBe(String(told));
    }
  });

  it.each(HOWS)('of one key cools that key, and another takes over, %s', async (how) => {
    await start((line) =>
      isFirst(line) ? always(429, 'rate_limit_exceeded', { 'retry-after': '60' })(line, 0) : answer(line),
    );
    expect(attemptsOf(await ask(how))).toEqual([
      [ErrorReason.UPSTREAM_RATE_LIMITED, 'the rate limit is reached for the key first'],
      [ErrorReason.UNSPECIFIED, ''],
    ]);
    await ask(how);
    expect(upstream.received.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${KEYS[0]}`,
      `Bearer ${KEYS[1]}`,
      `Bearer ${KEYS[1]}`,
    ]);
    expect((await providerState())?.status).toBe(HealthStatus.SERVING);
  });
});

describe.each<[number, string, string, status]>([
  [500, 'server_error', 'UPSTREAM_ERROR', status.UNAVAILABLE],
  [502, 'bad_gateway', 'UPSTREAM_ERROR', status.UNAVAILABLE],
  [503, 'overloaded', 'UPSTREAM_OVERLOADED', status.UNAVAILABLE],
  [529, 'overloaded_error', 'UPSTREAM_OVERLOADED', status.UNAVAILABLE],
])('row 15: status %i (%s)', (code, word, reason, expected) => {
  it.each(HOWS)('is %s with the wait that the provider asks for, and no other key is tried, %s', async (how) => {
    await start(always(code, word, { 'retry-after': '2' }));
    const { error } = await ask(how);
    expect(error).toMatchObject({ code: expected, errorInfo: { reason, metadata: { upstream_status: String(code) } } });
    expect(error?.retryInfo?.retryDelay?.seconds).toBe(2n);
    expect(upstream.received).toHaveLength(1);
  });
});

describe.each<[number, string, string, status]>([
  [400, 'invalid_request_error', 'UPSTREAM_REJECTED', status.INVALID_ARGUMENT],
  [404, 'model_not_found', 'UPSTREAM_NOT_FOUND', status.NOT_FOUND],
  [403, 'model_not_found', 'UPSTREAM_NOT_FOUND', status.NOT_FOUND],
  [422, 'unprocessable_entity', 'UPSTREAM_REJECTED', status.INVALID_ARGUMENT],
])('row 16: status %i (%s)', (code, word, reason, expected) => {
  it.each(HOWS)('is the caller’s, and is not tried again, %s', async (how) => {
    await start(always(code, word, { 'retry-after': '2' }));
    const { error } = await ask(how);
    expect(error).toMatchObject({ code: expected, errorInfo: { reason } });
    expect(error?.retryInfo).toBeUndefined();
    expect(upstream.received).toHaveLength(1);
    expect((await providerState())?.keysSetAside).toEqual([]);
  });
});

describe.each<[string, number, string, ErrorReason]>([
  ['17', 401, 'invalid_api_key', ErrorReason.UPSTREAM_AUTH],
  ['17', 403, 'permission_denied', ErrorReason.UPSTREAM_AUTH],
  ['18', 402, 'payment_required', ErrorReason.UPSTREAM_BILLING],
  ['18', 429, 'insufficient_quota', ErrorReason.UPSTREAM_BILLING],
])('row %s: status %i (%s)', (_, code, word, reason) => {
  it.each(HOWS)('of one key sets it aside, says so, and the next one takes over, %s', async (how) => {
    await start((line) => (isFirst(line) ? always(code, word)(line, 0) : answer(line)));
    const reply = await ask(how);
    expect(reply.error).toBeUndefined();
    expect(attemptsOf(reply)).toEqual([
      [reason, expect.stringMatching(/ the key first$/)],
      [ErrorReason.UNSPECIFIED, ''],
    ]);
    await ask(how);
    expect(upstream.received).toHaveLength(3);
    expect(await providerState()).toMatchObject({
      status: HealthStatus.DEGRADED,
      keys: 2,
      keysSetAside: [{ name: 'first', reason }],
    });
    const told = gateway.lines().filter(({ msg }) => msg === 'key set aside');
    expect(told).toMatchObject([{ provider: 'test', key: 'first', error_reason: ErrorReason[reason] }]);
    for (const key of KEYS) expect(gateway.logText() + tell(reply)).not.toContain(key);
  });

  it.each(HOWS)('of all keys is the gateway’s own trouble, never the caller’s credential, %s', async (how) => {
    await start(always(code, word));
    const reply = await ask(how);
    expect(reply.error).toMatchObject({
      code: status.FAILED_PRECONDITION,
      errorInfo: { reason: ErrorReason[reason], metadata: { upstream_status: String(code) } },
    });
    expect(upstream.received).toHaveLength(2);
    expect((await providerState())?.keysSetAside).toHaveLength(2);
    await ask(how);
    expect(upstream.received).toHaveLength(3);
  });
});
