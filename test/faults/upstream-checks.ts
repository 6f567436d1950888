import { inspect } from 'node:util';
import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { expect, vi } from 'vitest';
import { type StreamCompleteResponse, StreamCompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { ErrorReason } from '#gen/antiphon/v1/error_pb.js';
import { errorKinds, errorRule } from '../../src/core/errors.ts';
import { checkEvents } from '../../src/core/events.ts';
import { type Door, type How, KEY, PARTIAL, PROMPT, type Reply, type Scene, textOf } from './upstream-scene.ts';

const GRPC_CODES = {
  UPSTREAM_UNREACHABLE: status.UNAVAILABLE,
  UPSTREAM_TLS: status.UNAVAILABLE,
  UPSTREAM_TIMEOUT: status.UNAVAILABLE,
  UPSTREAM_RESET: status.UNAVAILABLE,
  UPSTREAM_INCOMPLETE: status.UNAVAILABLE,
  UPSTREAM_BAD_RESPONSE: status.UNAVAILABLE,
  UPSTREAM_OVERLOADED: status.UNAVAILABLE,
  UPSTREAM_ERROR: status.UNAVAILABLE,
  UPSTREAM_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  UPSTREAM_RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  UPSTREAM_REJECTED: status.INVALID_ARGUMENT,
  CONTEXT_LENGTH_EXCEEDED: status.INVALID_ARGUMENT,
  UPSTREAM_AUTH: status.FAILED_PRECONDITION,
  UPSTREAM_BILLING: status.FAILED_PRECONDITION,
} as const satisfies Partial<Record<keyof typeof ErrorReason, status>>;

/** How a call is to fail. */
export interface Failure {
  readonly reason: keyof typeof GRPC_CODES;
  /** The text that came before. Default: none, and then the stream has not even started. */
  readonly text?: string | RegExp;
  /** What the error tells besides the provider and the model. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How often the provider was asked. Default: once. */
  readonly requests?: number;
  /** Connections to the provider that stay open. Default: none. */
  readonly open?: number;
  readonly door?: Door;
}

/** Makes a call that must fail in this way, and looks at all that it left behind. */
export async function expectFailure(scene: Scene, how: How, failure: Failure): Promise<void> {
  const { upstream, ask } = scene;
  const before = upstream.received.length;
  const reply = await ask(how, failure.door);
  expectError(reply, failure);
  const text = expectPartial(reply, failure);
  expectTold(reply, failure, text);
  expect(upstream.received.length - before).toBe(failure.requests ?? 1);
  await vi.waitFor(() => expect(upstream.open).toBe(failure.open ?? 0), { timeout: 10_000, interval: 5 });
  expectLogged(scene, failure, text);
  await expectCounted(scene, failure);
  await expectNoLeak(scene, reply);
}

/** After that failure, the same gateway gets an answer from a provider in good health, on a connection of its own. */
export async function expectRecovery(scene: Scene, how: How): Promise<void> {
  const { upstream, ask, heal } = scene;
  const accepted = upstream.accepted;
  heal();
  const { messages, error } = await ask(how);
  expect(error).toBeUndefined();
  expect(textOf(messages)).toBe('South.');
  expect(upstream.accepted).toBe(accepted + 1);
  expect(upstream.received.at(-1)?.nth).toBe(0);
}

function expectError({ error }: Reply, { reason, metadata = {} }: Failure): void {
  expect(error?.errorInfo).toMatchObject({ reason, domain: 'antiphon.v1' });
  expect(error?.errorInfo?.metadata).toEqual({ provider: 'test', model: 'test-model', ...metadata });
  expect(error?.code).toBe(GRPC_CODES[reason]);
  expect(error?.message).toMatch(/^[A-Z].*[.]$/);
  // What may well go better another time comes with advice on when to try again.
  if (mayPass(reason)) expect(error?.retryInfo).toBeDefined();
  else expect(error?.retryInfo).toBeUndefined();
}

const mayPass = (reason: Failure['reason']): boolean =>
  errorKinds.some((kind) => kind.toUpperCase() === reason && errorRule(kind).retry);

/** What came is the beginning of a stream: it would keep the grammar if only `completed` followed. */
function expectPartial({ messages }: Reply, { text = '' }: Failure): string {
  const came = textOf(messages);
  if (typeof text === 'string') expect(came).toBe(text);
  else expect(came).toMatch(text);
  if (text === '') expect(messages).toEqual([]);
  if (messages.length === 0) return came;
  const ending = create(StreamCompleteResponseSchema, {
    sequence: BigInt(messages.length),
    event: { case: 'completed', value: {} },
  });
  expect(checkEvents([...(messages as StreamCompleteResponse[]), ending])).toBeUndefined();
  return came;
}

/** Whether a provider will want to be paid: something had come, or it was at work when the gateway cut it off. */
const isBilled = ({ reason, requests }: Failure, text: string): boolean =>
  text !== '' || (reason === 'UPSTREAM_TIMEOUT' && requests !== 0);

/** What was tried, and what it will have cost. */
function expectTold({ error }: Reply, failure: Failure, text: string): void {
  const { reason } = failure;
  const { attempts, usage } = error?.callFailure ?? {};
  const record = {
    provider: 'test',
    model: 'test-model',
    status: GRPC_CODES[reason],
    errorReason: ErrorReason[reason],
  };
  expect(attempts).toMatchObject([record]);
  if (!isBilled(failure, text)) return expect(usage).toBeUndefined();
  expect(usage).toMatchObject({
    estimated: true,
    inputTokens: BigInt(Math.ceil(PROMPT.length / 4)),
    outputTokens: BigInt(Math.ceil(text.length / 4)),
  });
}

/** The one line of the call. */
function expectLogged({ gateway }: Scene, failure: Failure, text: string): void {
  const { reason } = failure;
  const line = gateway.lines().findLast(({ msg }) => msg === 'call');
  expect(line).toMatchObject({
    status: status[GRPC_CODES[reason]],
    error_reason: reason,
    provider: 'test',
    attempts: 1,
  });
  if (!isBilled(failure, text)) return expect(line).not.toHaveProperty('output_tokens');
  expect(line).toMatchObject({
    tokens_estimated: true,
    input_tokens: Math.ceil(PROMPT.length / 4),
    output_tokens: Math.ceil(text.length / 4),
  });
}

async function expectCounted({ gateway }: Scene, { reason }: Failure): Promise<void> {
  const page = await gateway.metrics();
  expect(page).toMatch(/^llm_active_requests\{[^}]*provider="test"[^}]*\} 0$/m);
  expect(page).toMatch(new RegExp(`^llm_errors_total\\{[^}]*error_type="${reason.toLowerCase()}"[^}]*\\} [1-9]`, 'm'));
}

async function expectNoLeak({ gateway }: Scene, { error, headers }: Reply): Promise<void> {
  const told = inspect({ error, headers }, { depth: null, maxArrayLength: null, maxStringLength: null });
  const known = `${gateway.logText()}\n${await gateway.metrics()}`;
  for (const secret of [KEY, PROMPT, 'wild geese']) expect(told + known).not.toContain(secret);
  expect(told + known).not.toMatch(/\n {4}at |\\n {4}at |node_modules|\.ts:\d/);
  expect(known).not.toContain(PARTIAL.trim());
}
