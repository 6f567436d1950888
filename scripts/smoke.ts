// Calls each provider whose key is in the environment once unary and once streaming, through a gateway that it starts,
// and says how long it took and what it cost. It costs real money, if very little.
//
//   npm run smoke -- [--address host:port] [--model provider/id]...
//
// --address: call a gateway that runs already, on its gRPC port.
// --model: the model to call at a provider, instead of the cheapest that is known. May be given several times.
//
// Ends with 1 if a call failed or a model of --model was not called, and with 2 if it was called wrongly.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { type Model, ModelLifecycle, ModelTier } from '#gen/antiphon/v1/model_pb.js';
import { MOCK, type VariablesOfKind, variablesOfKinds } from '../src/config/kinds.ts';
import { loadConfig } from '../src/config/load.ts';
import { ConfigError } from '../src/config/problem.ts';
import { systemClock } from '../src/core/clock.ts';
import { redactor } from '../src/core/redact.ts';
import { providerKinds } from '../src/providers/registry.ts';
import { start } from '../src/start.ts';
import { createLog } from '../src/telemetry/log.ts';
import { check, type Llm, row, say } from './smoke-calls.ts';

/** For providers whose models the catalogue does not know: one that was seen to answer. */
const usual: Readonly<Record<string, string>> = {
  openrouter: 'openai/gpt-5.4-nano',
  yandex_ai_studio: 'yandexgpt',
  groq: 'openai/gpt-oss-120b',
  mistral: 'mistral-small-latest',
  deepseek: 'deepseek-chat',
  xai: 'grok-4-fast',
  together: 'mistralai/Mixtral-8x7B-Instruct-v0.1',
  cerebras: 'gpt-oss-120b',
  perplexity: 'sonar',
  huggingface: 'Qwen/Qwen2.5-VL-72B-Instruct',
  ollama: 'gpt-oss:20b',
};

async function allModels(llm: Llm): Promise<Model[]> {
  const models: Model[] = [];
  let pageToken = '';
  do {
    const page = await llm.listModels({ allowedOnly: true, pageSize: 1_000, pageToken });
    models.push(...page.models);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return models;
}

/** The model to call at a provider: the one that was asked for, or the cheapest that is known and alive. */
function modelAt(provider: string, models: readonly Model[], asked: readonly string[]): string | undefined {
  const named = asked.find((model) => model.startsWith(`${provider}/`));
  if (named !== undefined) return named;
  const live = models.filter(
    (model) =>
      model.provider === provider && ![ModelLifecycle.RETIRED, ModelLifecycle.DEPRECATED].includes(model.lifecycle),
  );
  const id = (live.find(({ tier }) => tier === ModelTier.ECONOMY) ?? live[0])?.id ?? usual[provider];
  return id === undefined ? undefined : `${provider}/${id}`;
}

/** What has to be set for a kind of provider to be on: its key, or the address of a server that needs none. */
function switchOf({ kind, keys, baseUrl, folderId }: VariablesOfKind): string {
  const made = providerKinds.get(kind);
  const wanted = [
    ...(made?.needsKey ? [keys.join(' or ')] : []),
    ...(made?.needsKey && made.baseUrl !== undefined ? [] : [baseUrl]),
    ...(folderId === undefined ? [] : [folderId]),
  ];
  return wanted.join(' and ');
}

/** Says which kinds were not called, and what would change that. */
function saySkipped(called: readonly string[]): void {
  for (const kind of variablesOfKinds)
    if (!called.includes(kind.kind)) say(`skipped ${kind.kind}: it is not switched on here. Set ${switchOf(kind)}.`);
}

/** Calls every provider of the gateway at this address. False: something failed. */
async function smoke(address: string, asked: readonly string[]): Promise<boolean> {
  const llm = createClient(LlmService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const providers = (await llm.health({})).providers.map(({ provider }) => provider).filter((name) => name !== MOCK);
  const models = await allModels(llm);
  if (providers.length > 0) say(row('provider', 'model', 'mode', 'latency', 'first token', 'in', 'out', 'cost'));
  let well = true;
  const called: string[] = [];
  for (const provider of providers) {
    const model = modelAt(provider, models, asked);
    if (model === undefined) say(`skipped ${provider}: no model of it is known. Name one: --model ${provider}/...`);
    else well = (await check(llm, model)) && well;
    called.push(provider);
  }
  saySkipped(called);
  for (const model of asked.filter((name) => !called.includes(name.slice(0, name.indexOf('/'))))) {
    say(`${model} was not called: write "provider/id", with a provider that is switched on here.`);
    well = false;
  }
  if (providers.length === 0) say('Nothing was called: no provider is switched on.');
  return well;
}

/** A gateway as the environment configures it, on free ports and without a log. */
async function startOwn() {
  const ports = { ANTIPHON_GRPC_PORT: '0', ANTIPHON_HTTP_PORT: '0', ANTIPHON_METRICS_PORT: '0' };
  const config = loadConfig({ ALLOWED_MODELS: '*', ...process.env, ...ports }, (path) => readFileSync(path));
  const redact = redactor(config.secrets);
  const log = createLog({ service: 'smoke', version: '', level: 'silent', redact, clock: systemClock });
  return start(config, log);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { address: { type: 'string' }, model: { type: 'string', multiple: true, default: [] } },
  });
  if (values.address !== undefined) {
    process.exitCode = (await smoke(values.address, values.model)) ? 0 : 1;
    return;
  }
  const own = await startOwn();
  try {
    process.exitCode = (await smoke(own.addresses.grpc, values.model)) ? 0 : 1;
  } finally {
    await own.close();
  }
}

try {
  await main();
} catch (error) {
  const isMisused = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  const known = error instanceof ConfigError || error instanceof ConnectError || isMisused;
  process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : 'unknown'}\n`);
  process.exitCode = isMisused ? 2 : 1;
}
