import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toJson } from '@bufbuild/protobuf';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  CacheStatus,
  CompleteRequestSchema,
  CompleteResponseSchema,
  FinishReason,
} from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { scene } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const { complete } = LlmService.method;

function fileOf(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'warm-up-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'answers.jsonl');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const asked = () => create(CompleteRequestSchema, { ...helloRequest('test/test-model'), temperature: 0 });

const lineOf = (more: object = {}, finishReason = FinishReason.STOP): string =>
  JSON.stringify({
    request: toJson(CompleteRequestSchema, asked()),
    response: toJson(
      CompleteResponseSchema,
      create(CompleteResponseSchema, {
        provider: 'test',
        model: 'test-model',
        content: [{ part: { case: 'text', value: 'from the file' } }],
        finishReason,
      }),
    ),
    ...more,
  });

const open = (path: string, more: object = {}) =>
  scene((line) => line.json(200, chatBody('from the provider')), {
    file: JSON.stringify({ cache: { enabled: true, warm_up: path, ...more } }),
  });

describe('a file of answers to begin with', () => {
  it('is given to whom it is for, and what is wrong in it is left out', async () => {
    const noise = [
      '',
      '{',
      '{"request":{},"response":{}}',
      lineOf({}, FinishReason.LENGTH),
      lineOf({ team: 'others' }),
    ];
    const stage = await open(fileOf([...noise, lineOf()]));
    const { messages } = await stage.client('gRPC').unary(complete, asked());
    expect(messages[0]).toMatchObject({
      cacheStatus: CacheStatus.HIT,
      content: [{ part: { value: 'from the file' } }],
      provider: 'test',
    });
    expect(stage.upstream.received).toHaveLength(0);
    const line = stage.gateway.lines().find(({ msg }) => msg === 'the cache was warmed up');
    expect(line).toMatchObject({ kept: 2, skipped: 3 });
  });

  it('is for nobody else', async () => {
    const stage = await open(fileOf([lineOf({ team: 'others' }), lineOf({ key: 'other' })]));
    const { messages } = await stage.client('gRPC').unary(complete, asked());
    expect(messages[0]?.cacheStatus).toBe(CacheStatus.MISS);
  });

  it('is read no further than there is room for', async () => {
    const stage = await open(fileOf([...Array.from({ length: 10 }, () => '{}'), lineOf()]), { max_entries: 5 });
    const line = stage.gateway.lines().find(({ msg }) => msg === 'the cache was warmed up');
    expect(line).toMatchObject({ kept: 0, skipped: 5 });
  });

  it('that is not there is no reason not to start', async () => {
    const stage = await open('/nowhere/at/all.jsonl');
    const { messages } = await stage.client('gRPC').unary(complete, asked());
    expect(messages[0]?.cacheStatus).toBe(CacheStatus.MISS);
    expect(stage.gateway.logText()).toContain('cache.warm_up cannot be read');
  });
});
