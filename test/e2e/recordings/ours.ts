import { expect } from 'vitest';
import type { CompleteResponse, Part, Usage } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { checkEvents } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import { type DoorClient, type DoorError, grpcClient } from '../../support/doors.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { kindOf } from '../../support/recorded.ts';
import type { Exchange } from '../../support/recordings.ts';
import { requestFrom } from '../../support/recordings-request.ts';
import { argumentsValue, type Reading, type ReadUsage } from './reading.ts';

/** What the gateway makes of one answer. */
export type Ours = { readonly reading: Reading } | { readonly error: DoorError };

/** A gateway with every kind of provider that there are recordings of, all of them at the replaying upstream. */
export interface OurReader {
  /** The same recorded request and answer, by the unary method and by the streaming one. */
  unary(exchange: Exchange): Promise<Ours>;
  stream(exchange: Exchange): Promise<Ours>;
  close(): Promise<void>;
}

const { complete, streamComplete } = LlmService.method;

/** The provider that a recording is asked of: one for each kind, and one more for each further interface. */
export function providerFor(exchange: Exchange): { readonly name: string; readonly lines: string } {
  const kind = kindOf(exchange);
  if (kind !== 'openai') return { name: `of_${kind}`, lines: `kind: ${kind}` };
  const api = exchange.endpoint === 'responses' ? 'responses' : 'chat';
  return { name: `of_openai_${api}`, lines: `kind: openai, api: ${api}` };
}

/** What some kinds cannot do without. */
const more: Readonly<Record<string, string>> = { of_yandex_ai_studio: ', folder_id: b1g00000000000000000' };

function fileFor(exchanges: readonly Exchange[], url: string): string {
  const providers = new Map(exchanges.map(providerFor).map(({ name, lines }) => [name, lines]));
  const entries = [...providers].map(
    ([name, lines]) => `  ${name}: { ${lines}, base_url: "${url}", api_key: "\${TEST_KEY}"${more[name] ?? ''} }`,
  );
  const models = `models: { provider_order: [${[...providers.keys()].join(', ')}] }`;
  // Nothing is fetched from elsewhere, whatever a recorded request names.
  return `${models}\nmedia: { fetch: false }\nproviders:\n${entries.join('\n')}\n`;
}

/** A gateway with all of those providers at one address. */
export function startBefore(exchanges: readonly Exchange[], url: string): Promise<TestGateway> {
  const env = { TEST_KEY: 'sk-test-of-the-gateway', ALLOWED_MODELS: '*', LLM_MAX_RETRIES: '0' };
  return startGateway({ env, file: fileFor(exchanges, url) });
}

export async function startOurs(exchanges: readonly Exchange[], url: string): Promise<OurReader> {
  const gateway = await startBefore(exchanges, url);
  const client: DoorClient = grpcClient(gateway.grpcPort);
  return {
    async unary(exchange) {
      const { messages, error } = await client.unary(complete, requestFrom(exchange, providerFor(exchange).name));
      const [answer] = messages;
      if (error || !answer) return { error: orThrow(error) };
      return { reading: readingOf(answer.content, answer) };
    },
    async stream(exchange) {
      const { messages, error } = await client.stream(
        streamComplete,
        requestFrom(exchange, providerFor(exchange).name),
      );
      const fold = new Fold();
      for (const { event } of messages)
        if (event.case !== 'start' && event.case !== 'completed' && event.case !== undefined) fold.add(event);
      const last = messages.at(-1)?.event;
      if (error || last?.case !== 'completed') return { error: orThrow(error) };
      expect(checkEvents(messages)).toBeUndefined();
      return { reading: readingOf(fold.parts, last.value) };
    },
    async close() {
      client.close();
      await gateway.close();
    },
  };
}

function orThrow(error: DoorError | undefined): DoorError {
  if (!error) throw new Error('the gateway gave neither an answer nor an error');
  return error;
}

function readingOf(content: readonly Part[], response: CompleteResponse): Reading {
  const all = (kind: 'text' | 'refusal') =>
    content.flatMap(({ part }) => (part.case === kind ? [part.value] : [])).join('');
  const toolCalls = content.flatMap(({ part }) => {
    if (part.case !== 'toolCall') return [];
    const { id, name, arguments: given } = part.value;
    return [{ id, name, arguments: argumentsValue(given) }];
  });
  return {
    text: all('text'),
    reasoning: content.map(({ part }) => (part.case === 'reasoning' ? part.value.text : '')).join(''),
    refusal: all('refusal'),
    toolCalls,
    finish: response.providerFinishReason,
    unified: response.finishReason,
    usage: counts(response.usage),
  };
}

function counts(usage: Usage | undefined): ReadUsage | undefined {
  if (!usage || usage.estimated) return undefined;
  return {
    input: Number(usage.inputTokens),
    output: Number(usage.outputTokens),
    total: Number(usage.totalTokens),
    cached: Number(usage.cachedInputTokens),
    cacheWrite: Number(usage.cacheWriteTokens),
    reasoning: Number(usage.reasoningTokens),
  };
}
