import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { expect, it, onTestFinished } from 'vitest';
import {
  CompleteRequestSchema,
  type CompleteResponse,
  CostStatus,
  FinishReason,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type DoorReply, grpcClient } from '../support/doors.ts';
import { startGateway } from '../support/gateway.ts';
import { type Line, type Script, startUpstream } from '../support/upstream.ts';

/** A short wait for anything but the whole answer. */
const timeouts = { first_token_ms: 40, idle_ms: 40, total_ms: 2_000, stream_total_ms: 40 };

const EVENTS = [
  { type: 'message_start', message: { id: 'msg_1', model: 'claude-haiku-4-5', usage: { input_tokens: 10 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'South.' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 20 } },
  { type: 'message_stop' },
];

const ask = async (script: Script) => {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const env = {
    ANTHROPIC_API_KEY: 'sk-test-key-of-the-gateway',
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${upstream.port}`,
    ALLOWED_MODELS: 'anthropic/*',
  };
  // JSON is YAML.
  const gateway = await startGateway({ env, file: JSON.stringify({ timeouts }) });
  onTestFinished(() => gateway.close());
  const client = grpcClient(gateway.grpcPort);
  onTestFinished(() => client.close());
  const request = create(CompleteRequestSchema, {
    model: 'anthropic/claude-haiku-4-5',
    messages: [{ role: Role.USER, content: [{ part: { case: 'text', value: 'Where to?' } }] }],
    maxTokens: 30_000,
  });
  const reply: DoorReply<CompleteResponse> = await client.unary(LlmService.method.complete, request);
  return { reply, request: upstream.received[0] };
};

async function slowly(line: Line): Promise<void> {
  line.startStream();
  for (const event of EVENTS) {
    await delay(60);
    line.chunk(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  line.endStream();
}

it('a long answer is asked for as a stream and given whole; only the time for all of it counts', async () => {
  const { reply, request } = await ask(slowly);
  expect(reply.error).toBeUndefined();
  expect(request?.path).toBe('/v1/messages');
  expect(request?.headers.accept).toBe('text/event-stream');
  expect(JSON.parse(request?.body ?? '')).toMatchObject({ stream: true, max_tokens: 30_000 });
  expect(reply.messages[0]).toMatchObject({
    content: [{ part: { case: 'text', value: 'South.' } }],
    finishReason: FinishReason.STOP,
    providerResponseId: 'msg_1',
    usage: { inputTokens: 10n, outputTokens: 20n, totalTokens: 30n, estimated: false },
    cost: { status: CostStatus.PRICED, inputNanoUsd: 10_000n, outputNanoUsd: 100_000n, totalNanoUsd: 110_000n },
  });
});

it('is a failure if it is cut off', async () => {
  const { reply } = await ask((line) => {
    line.startStream();
    line.event(EVENTS[0]);
    line.endStream();
  });
  expect(reply.error?.errorInfo?.reason).toBe('UPSTREAM_INCOMPLETE');
});

it('may have no label, or be a body', async () => {
  const events = EVENTS.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  const bare = await ask((line) => line.send(`HTTP/1.1 200 OK\r\ncontent-length: ${events.length}\r\n\r\n${events}`));
  expect(bare.reply.messages[0]?.usage?.outputTokens).toBe(20n);
  const message = {
    type: 'message',
    content: [],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 2 },
  };
  const whole = await ask((line) => line.json(200, message));
  expect(whole.reply.messages[0]?.usage?.outputTokens).toBe(2n);
});
