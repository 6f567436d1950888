import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { spawnGateway } from '../support/process.ts';
import { needs, output } from './commands.ts';
import { prepareExample } from './example.ts';

const program = fileURLToPath(new URL('openai-client.py', import.meta.url));

test('the official package for Python completes, streams, calls tools, lists models and throws its own classes', async (context) => {
  needs(context, 'python3');
  const { folder } = await prepareExample('openai-python');
  const gateway = await spawnGateway({ env: { ALLOWED_MODELS: 'mock/echo' } });
  const base = `http://127.0.0.1:${gateway.httpPort}/v1`;
  const heard = JSON.parse(await output(join(folder, '.venv/bin/python'), [program, base]));
  const call = { name: 'weather', arguments: { city: 'mock' }, finish_reason: 'tool_calls' };
  expect(heard).toEqual({
    complete: { model: 'mock/echo', text: 'Good day.', finish_reason: 'stop', adds_up: true },
    stream: { text: 'one two three', pieces: expect.any(Number), finish_reason: 'stop', usage: true },
    stream_async: 'one two three',
    parse: { n: 4 },
    tool: call,
    tool_stream: call,
    tool_result: 'stop',
    models: ['mock/echo'],
    model: 'mock/echo',
    context: { 'x-source-agent': 'planner', 'x-session-id': 's-1', 'x-trace-id': 't-1' },
    unknown_model: ['NotFoundError', 404, 'model_not_found', 'MODEL_NOT_FOUND'],
    model_not_allowed: ['PermissionDeniedError', 403, 'model_not_allowed', 'MODEL_NOT_ALLOWED'],
    bad_value: ['BadRequestError', 400, 'invalid_request', 'INVALID_REQUEST'],
    overloaded: ['InternalServerError', 503, 'upstream_overloaded', 'UPSTREAM_OVERLOADED'],
    broken_stream: ['one two', 'APIError', 'upstream_reset'],
  });
  expect(heard.stream.pieces).toBeGreaterThan(1);
});
