// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { type CompleteRequest, CompleteRequestSchema, type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { said } from '../thrift/conversations.ts';

let upstream: Upstream;
let gateway: TestGateway;
let client: DoorClient;

afterEach(async () => {
  client?.close();
  await gateway?.close();
  await upstream?.close();
});

const answer = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [{ type: 'text', text: 'Yes.' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 100, cache_creation_input_tokens: 2_000, cache_read_input_tokens: 10_000, output_tokens: 5 },
};

/** Two models of a provider like Anthropic's, the first with room for less. */
async function startWith(rule: string): Promise<void> {
  upstream = await startUpstream((line) => line.json(200, answer));
  const file = `
providers:
  claude: { kind: anthropic, base_url: "${upstream.url}", api_key: "\${KEY}", models: [small, large] }
catalogue:
  models:
    claude/small: { context_window_tokens: 2000, max_output_tokens: 500 }
    claude/large:
      context_window_tokens: 1000000
      price:
        input_usd_per_million: 3
        output_usd_per_million: 15
        cached_input_usd_per_million: 0.3
        cache_write_usd_per_million: 3.75
routing:
  rules: [{ name: all, ${rule} }]
`;
  gateway = await startGateway({ file, env: { KEY: 'sk-test-key-0001' } });
  client = grpcClient(gateway.grpcPort);
}

const ask = (messages: readonly Message[], more: Partial<CompleteRequest> = {}) =>
  client.unary(LlmService.method.complete, {
    ...create(CompleteRequestSchema, { model: 'claude/small', messages: [...messages], maxTokens: 400 }),
    ...more,
  });

const bodies = () => upstream.received.map(({ body }) => JSON.parse(body));
const line = () => gateway.lines().findLast(({ msg }) => msg === 'call');
const samples = async (prefix: string) =>
  (await gateway.metrics()).split('\n').filter((each) => each.startsWith(prefix) && !each.endsWith(' 0'));

const long = [said(Role.USER, 'x'.repeat(6_000)), said(Role.ASSISTANT, 'y'), said(Role.USER, 'z'.repeat(2_000))];

describe('a request that does not fit', () => {
  it('loses its oldest messages, and the caller, the log and the metrics say so', async () => {
    await startWith('context: trim_oldest');
    const { messages, error } = await ask(long);
    expect(error).toBeUndefined();
    expect(bodies()).toMatchObject([{ max_tokens: 400, messages: [{ role: 'user' }] }]);
    expect(bodies()[0].messages[0].content[0].text).toMatch(/^z+$/);
    expect(messages[0]?.warnings).toMatchObject([{ field: 'messages' }]);
    expect(line()).toMatchObject({ messages_left_out: 2, rule: 'all' });
    expect(await samples('llm_context_')).toEqual([
      'llm_context_fitted_total{provider="claude",action="trimmed"} 1',
      'llm_context_trimmed_messages_total{provider="claude"} 2',
    ]);
  });

  it('gets a lower max_tokens', async () => {
    await startWith('context: clamp_max_tokens');
    const { messages } = await ask(long.slice(0, 1));
    expect(bodies()).toMatchObject([{ max_tokens: 350 }]);
    expect(messages[0]?.warnings).toMatchObject([{ field: 'max_tokens' }]);
    expect(await samples('llm_context_')).toEqual(['llm_context_fitted_total{provider="claude",action="clamped"} 1']);
  });

  it('is refused before the provider is asked', async () => {
    await startWith('context: reject');
    const { error } = await ask(long);
    expect(error).toMatchObject({ code: 3, errorInfo: { reason: 'CONTEXT_LENGTH_EXCEEDED' } });
    expect(upstream.received).toHaveLength(0);
    expect(await samples('llm_context_')).toEqual(['llm_context_fitted_total{provider="claude",action="rejected"} 1']);
  });

  it('goes whole to the next model, which has room', async () => {
    await startWith('context: reject');
    const { messages } = await ask(long, { fallbackModels: ['claude/large'] });
    expect(messages[0]).toMatchObject({ model: 'large', warnings: [] });
    expect(bodies()).toMatchObject([{ model: 'large', messages: [{}, {}, {}] }]);
  });

  it('goes to the provider as it is where no rule says anything', async () => {
    await startWith('priority: low');
    await ask(long);
    expect(bodies()).toMatchObject([{ max_tokens: 400, messages: [{}, {}, {}] }]);
    expect(line()).not.toHaveProperty('messages_left_out');
  });
});

describe('a prompt that comes again', () => {
  const rules = said(Role.SYSTEM, 'These are the rules of the house. '.repeat(300));
  const asking = (question: string) => ask([rules, said(Role.USER, question)], { model: 'claude/large' });

  it('is marked from the second time on, and what that saves and costs is counted', async () => {
    await startWith('prompt_cache: auto');
    for (const question of ['One?', 'Two?', 'Three?']) expect((await asking(question)).error).toBeUndefined();
    expect(bodies().map(({ system }) => system[0].cache_control)).toEqual([
      undefined,
      { type: 'ephemeral' },
      { type: 'ephemeral' },
    ]);
    // Three times 10,000 at 2.70 less and 2,000 at 0.75 more for a million.
    expect(await samples('llm_prompt_cache_')).toEqual([
      'llm_prompt_cache_saved_usd_total{provider="claude",model="large"} 0.081',
      'llm_prompt_cache_surcharge_usd_total{provider="claude",model="large"} 0.0045',
    ]);
  });

  it('is not marked unless a rule says so', async () => {
    await startWith('priority: low');
    for (const question of ['One?', 'Two?']) await asking(question);
    expect(upstream.received.filter(({ body }) => body.includes('cache_control'))).toEqual([]);
  });
});
