import { describe, expect, onTestFinished, test } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { connectClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { type PartInit, requestOf, text, user } from '../support/requests.ts';
import { chatBody, startUpstream, type Upstream } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;

interface Stage {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
}

/** A gateway in front of OpenAI, which fetches for itself, and of Gemini, which takes only bytes. */
async function stageOf(file = ''): Promise<Stage> {
  const upstream = await startUpstream((line) => line.json(200, chatBody('x')));
  onTestFinished(() => upstream.close());
  const { url } = upstream;
  const providers = `providers: { google: { base_url: "${url}" }, openai: { base_url: "${url}" } }`;
  const env = {
    OPENAI_API_KEY: 'sk-test-openai-0123456789',
    GOOGLE_API_KEY: 'test-google-0123456789',
    ALLOWED_MODELS: 'openai/*,google/*',
  };
  const gateway = await startGateway({ env, file: `${providers}\n${file}` });
  onTestFinished(() => gateway.close());
  return { gateway, upstream };
}

const image = (url: string): PartInit => ({ part: { case: 'image', value: { source: { case: 'url', value: url } } } });
const asking = (model: string, url: string) => requestOf({ model, messages: [user(text('Look.'), image(url))] });

async function ask({ gateway }: Stage, request: ReturnType<typeof asking>) {
  const clients = [grpcClient(gateway.grpcPort), connectClient(gateway.httpPort)];
  onTestFinished(() => {
    for (const client of clients) client.close();
  });
  const replies = await Promise.all(
    clients.flatMap((client) => [client.unary(complete, request), client.stream(streamComplete, request)]),
  );
  return replies.map(({ error }) => error);
}

const GEMINI = 'google/gemini-2.5-flash';
const FIELD = 'messages[0].content[1].image.url';

/** A name, or an address, behind which there would be something. */
const HOSTILE = [
  'https://127.0.0.1/secret.png',
  'https://2130706433/secret.png',
  'https://0x7f.1/secret.png',
  'https://[::ffff:127.0.0.1]/secret.png',
  'https://[::1]/secret.png',
  'https://169.254.169.254/secret.png',
  'https://10.0.0.1/secret.png',
];

describe('row 84: a file by URL, for a provider that takes only bytes,', () => {
  test('is not fetched from where it may not be, and nothing tells one such place from another', async () => {
    const stage = await stageOf();
    const told = new Set<string>();
    for (const url of [...HOSTILE, `https://127.0.0.1:${stage.upstream.port}/secret.png`]) {
      for (const error of await ask(stage, asking(GEMINI, url))) {
        expect(error).toMatchObject({
          code: 3,
          errorInfo: { reason: 'INVALID_REQUEST' },
          badRequest: { fieldViolations: [{ field: FIELD }] },
        });
        told.add(error?.message ?? '');
      }
    }
    expect([...told]).toEqual([
      expect.stringMatching(/^The request is not valid: messages\[0\].* could not be fetched/),
    ]);
    expect(stage.upstream.accepted).toBe(0);
    // Only the operator learns why.
    expect(stage.gateway.logText()).toContain('"error_cause":{"name":"HostRefused"');
    expect(stage.gateway.logText()).toContain('"code":"URL"');
    expect(stage.gateway.logText()).not.toMatch(/secret\.png|169\.254|2130706433/);
  });

  test('is refused altogether where the operator has switched it off', async () => {
    const stage = await stageOf('media: { fetch: false }');
    for (const error of await ask(stage, asking(GEMINI, 'https://1.1.1.1/secret.png'))) {
      expect(error).toMatchObject({ code: 3, badRequest: { fieldViolations: [{ field: FIELD }] } });
      expect(error?.message).toContain('is not fetched by this gateway');
    }
    expect(stage.upstream.accepted).toBe(0);
  });

  test('cannot be a URL of another kind, whoever is asked', async () => {
    const stage = await stageOf();
    for (const url of ['http://1.1.1.1/', 'file:///etc/passwd', 'https://a:b@1.1.1.1/', 'ftp://1.1.1.1/']) {
      for (const error of await ask(stage, asking('openai/gpt-4.1-mini', url))) {
        expect(error).toMatchObject({ code: 3, badRequest: { fieldViolations: [{ field: FIELD }] } });
      }
    }
    expect(stage.upstream.accepted).toBe(0);
  });
});

test('row 84: a file by URL is passed on, and not fetched, where the provider does that itself', async () => {
  const stage = await stageOf();
  const client = grpcClient(stage.gateway.grpcPort);
  onTestFinished(() => client.close());
  const url = 'https://127.0.0.1/secret.png';
  expect((await client.unary(complete, asking('openai/gpt-4.1-mini', url))).error).toBeUndefined();
  expect(stage.upstream.received).toHaveLength(1);
  expect(stage.upstream.received[0]?.body).toContain(url);
});

/** Neither the provider's address nor a hook is the caller's to say: there is no field for it. */
test('row 84: no field of a request says where it goes', () => {
  const names = JSON.stringify(complete.input.fields.map(({ name }) => name));
  expect(names).not.toMatch(/url|host|endpoint|callback|webhook/);
});
