import { afterEach, describe, expect, it } from 'vitest';
import { CostStatus, WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { ModelAvailability, ModelLifecycle } from '#gen/antiphon/v1/model_pb.js';
import { helloRequest } from '../support/calls.ts';
import { type DoorClient, grpcClient } from '../support/doors.ts';
import { providerAt, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { chatBody, startUpstream, type Upstream } from '../support/upstream.ts';

const { complete, listModels } = LlmService.method;

let upstream: Upstream | undefined;
let gateway: TestGateway;
let client: DoorClient;

afterEach(async () => {
  client.close();
  await gateway.close();
  await upstream?.close();
  upstream = undefined;
});

async function startWith(options: TestGatewayOptions): Promise<void> {
  gateway = await startGateway(options);
  client = grpcClient(gateway.grpcPort);
}

/** A server that counts 7 input tokens and 3 output tokens, as the provider `openai` or as one called `test`. */
async function startAt(env: (url: string) => Record<string, string>, file?: string): Promise<void> {
  upstream = await startUpstream((line) => line.json(200, chatBody('hi')));
  await startWith({ env: env(upstream.url), ...(file === undefined ? {} : { file }) });
}

const asOpenAi = (url: string) => ({
  OPENAI_API_KEY: 'sk-test-key-of-the-gateway',
  OPENAI_BASE_URL: url,
  ALLOWED_MODELS: 'openai/*',
});

const call = async (model: string) => (await client.unary(complete, helloRequest(model))).messages[0];
const callLine = () => gateway.lines().find(({ msg }) => msg === 'call');
const sample = async (name: string) =>
  (await gateway.metrics())
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.split(' ')
    .at(-1);

describe('what a call costs', () => {
  it('is in the answer, the log and the metrics', async () => {
    await startAt(asOpenAi);
    // 7 x 100; 3 x 500
    const cost = { inputNanoUsd: 700n, outputNanoUsd: 1_500n, totalNanoUsd: 2_200n, priceVersion: '2026-11-10' };
    expect((await call('gpt-6-luna'))?.cost).toMatchObject({ status: CostStatus.PRICED, ...cost });
    expect(callLine()).toMatchObject({ cost_status: 'priced', cost_nano_usd: 2_200 });
    expect(await sample('llm_cost_usd_total{')).toBe('0.0000022');
  });

  it('may be said by the configuration', async () => {
    const price = '{ input_usd_per_million: 1, output_usd_per_million: 2, source: the contract }';
    await startAt(providerAt, `catalogue: { models: { test/test-model: { price: ${price} } } }`);
    const cost = { status: CostStatus.PRICED, totalNanoUsd: 13_000n, priceSource: 'the contract' };
    expect((await call('test/test-model'))?.cost).toMatchObject(cost);
  });

  it('is not 0 where nobody knows it, and such calls are counted', async () => {
    await startAt(providerAt);
    expect((await call('test/test-model'))?.cost).toMatchObject({ status: CostStatus.UNPRICED, totalNanoUsd: 0n });
    expect(callLine()).toMatchObject({ cost_status: 'unpriced' });
    expect(await sample('llm_unpriced_calls_total{')).toBe('1');
    expect(await sample('llm_cost_usd_total{')).toBeUndefined();
  });

  it('is nothing with the mock, whatever it plays', async () => {
    await startWith({ env: { USE_MOCK_LLM: 'true', ALLOWED_MODELS: '*' } });
    expect((await call('openai/gpt-6-luna'))?.cost).toMatchObject({ status: CostStatus.PRICED, priceSource: 'mock' });
  });
});

it('warns of a model that is gone, with the day', async () => {
  await startAt(asOpenAi);
  const message = 'The model openai/gpt-4.1-nano is no longer served from 2026-10-23 on. Choose a newer one.';
  expect((await call('gpt-4.1-nano'))?.warnings).toMatchObject([{ code: WarningCode.MODEL_RETIREMENT, message }]);
});

it('lists models with their prices, lives and the state of their provider', async () => {
  await startAt(asOpenAi);
  const { messages } = await client.unary(listModels, { provider: 'openai' });
  const find = (wanted: string) => messages[0]?.models.find(({ id }) => id === wanted);
  expect(find('gpt-6-luna')).toMatchObject({
    allowed: true,
    maxInputTokens: 922_000,
    availability: ModelAvailability.AVAILABLE,
    price: { inputNanoUsdPerMillion: 100_000_000n, tiers: [{ aboveInputTokens: 272_000 }] },
  });
  expect(find('gpt-4.1-nano')).toMatchObject({ lifecycle: ModelLifecycle.RETIRED, retirementDate: '2026-10-23' });
});
