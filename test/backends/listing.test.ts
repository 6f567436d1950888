import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connections } from '../../src/backends/http/connections.ts';
import { readListing } from '../../src/backends/http/listing.ts';
import { systemClock } from '../../src/core/clock.ts';
import { asArray, asObject, asString } from '../../src/core/json.ts';
import { openai } from '../../src/providers/openai.ts';
import type { Listing, Provider } from '../../src/providers/provider.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { until } from '../support/scene.ts';
import { type Script, startUpstream, type Upstream } from '../support/upstream.ts';

/** A list of names, and perhaps the number of the next page. */
const paged: Listing = {
  path: '/models?page=0',
  read(body) {
    const page = asObject(body);
    const next = asString(page?.next);
    const models = asArray(page?.models).map((id) => ({ id: asString(id) }));
    return { models, next: next === '' ? undefined : next };
  },
};

async function server(script: Script): Promise<Upstream> {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** OpenAI's errors and headers, with this listing. */
const providerAt = ({ url }: Upstream, listing: Listing | undefined): Provider => {
  const { listing: _own, ...provider } = openai.create({ name: 'test', baseUrl: new URL(url), headers: {} });
  return listing ? { ...provider, listing } : provider;
};

function read(provider: Provider, signal = new AbortController().signal, key: string | undefined = 'sk-test-key') {
  const open = connections(provider.baseUrl.origin, { maxConnections: 2, connectMs: 1_000 });
  onTestFinished(() => open.close());
  return readListing({ provider, connections: open, key, clock: systemClock }, signal);
}

const failure = (provider: Provider): Promise<unknown> => read(provider).catch((error: unknown) => error);

describe('a listing', () => {
  it('is read page by page, with the key, and without anything of a call', async () => {
    const upstream = await server((line, n) => {
      line.json(200, { models: [`a${n}`, `b${n}`], ...(n < 2 && { next: `/models?page=${n + 1}` }) });
    });
    const models = await read(providerAt(upstream, paged));
    expect(models.map(({ id }) => id)).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect(upstream.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/models?page=0',
      'GET /v1/models?page=1',
      'GET /v1/models?page=2',
    ]);
    expect(upstream.received[0]).toMatchObject({
      headers: {
        authorization: 'Bearer sk-test-key',
        accept: 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'antiphon',
      },
      body: '',
    });
    expect(upstream.received[0]?.headers).not.toHaveProperty('content-type');
  });

  it('is not asked for where there is none, and not signed where there is no key', async () => {
    const upstream = await server((line) => line.json(200, { models: ['a'] }));
    expect(await read(providerAt(upstream, undefined))).toEqual([]);
    expect(upstream.received).toHaveLength(0);
    const provider = providerAt(upstream, paged);
    const open = connections(provider.baseUrl.origin, { maxConnections: 1, connectMs: 1_000 });
    onTestFinished(() => open.close());
    const place = { provider, connections: open, key: undefined, clock: systemClock };
    expect(await readListing(place, new AbortController().signal)).toEqual([{ id: 'a' }]);
    expect(upstream.received[0]?.headers).not.toHaveProperty('authorization');
  });

  it('has at most 20 pages', async () => {
    const upstream = await server((line) => line.json(200, { models: ['a'], next: '/models?page=1' }));
    expect(await failure(providerAt(upstream, paged))).toMatchObject({ kind: 'upstream_too_large' });
    expect(upstream.received).toHaveLength(20);
  });

  it('has at most 16 MiB, over all pages', async () => {
    const half = ' '.repeat(8 * 1024 * 1024);
    const upstream = await server((line) => line.json(200, `{"models":["a"],"next":"/models?page=1"}${half}`));
    expect(await failure(providerAt(upstream, paged))).toMatchObject({ kind: 'upstream_too_large' });
    expect(upstream.received).toHaveLength(2);
    await until('a closed connection', () => upstream.open === 0);
  });

  it('may have more models on a page than a function takes arguments', async () => {
    const upstream = await server((line) => line.json(200, `{"models":[${'"a",'.repeat(500_000)}"a"]}`));
    expect(await read(providerAt(upstream, paged))).toHaveLength(500_001);
  });

  it.each<[string, Script, string]>([
    [
      'a wrong key',
      (line) => line.json(401, { error: { message: 'no', type: 'invalid_request_error' } }),
      'upstream_auth',
    ],
    ['a failure', (line) => line.json(500, {}), 'upstream_error'],
    ['a redirect', (line) => line.json(302, {}, { location: 'http://127.0.0.1:1/' }), 'upstream_bad_response'],
    ['no JSON', (line) => line.json(200, '<html>'), 'upstream_bad_response'],
    ['a compressed list', (line) => line.json(200, {}, { 'content-encoding': 'br' }), 'upstream_bad_response'],
    ['a broken connection', (line) => void line.socket.resetAndDestroy(), 'upstream_reset'],
  ])('says so when it meets %s', async (_, script, kind) => {
    const upstream = await server(script);
    const error = await failure(providerAt(upstream, paged));
    expect(error).toMatchObject({ kind });
    expect(upstream.received).toHaveLength(1);
  });

  it('is broken off when the signal aborts', async () => {
    const upstream = await server(() => undefined);
    const abort = new AbortController();
    const reading = read(providerAt(upstream, paged), abort.signal);
    await until('a request', () => upstream.received.length === 1);
    abort.abort('enough');
    await expect(reading).rejects.toBe('enough');
    await until('a closed connection', () => upstream.open === 0);
  });
});

const folder = process.env.RECORDINGS_DIR;

/** What a recorded listing has, told apart from the way the provider's own code reads it. */
const idsOf = (body: unknown, list: string, id: string): string[] =>
  asArray(asObject(body)?.[list]).map((model) => asString(asObject(model)?.[id]));

const recorded: readonly (readonly [kind: string, file: string, list: string, id: string])[] = [
  ['openai', 'openai/openai-models-list-0001', 'data', 'id'],
  ['anthropic', 'anthropic/anthropic-models-list-0002', 'data', 'id'],
  ['google', 'google/google-models-list-0002', 'models', 'name'],
  ['openrouter', 'openrouter/openrouter-models-list-0001', 'data', 'id'],
];

describe.runIf(folder)('a recorded listing', () => {
  it.each(recorded)('of %s is read', async (kind, file, list, id) => {
    const { response } = JSON.parse(readFileSync(join(folder ?? '', `${file}.json`), 'utf8'));
    const upstream = await server((line, n) => line.json(200, n === 0 ? response.body : {}));
    const provider = providerKinds.get(kind)?.create({ name: kind, baseUrl: new URL(upstream.url), headers: {} });
    if (!provider?.listing) throw new Error(`${kind} lists no models`);
    const models = await read(provider);
    const known = new Set(idsOf(response.body, list, id).map((each) => each.replace(/^models\//, '')));
    expect(models.length).toBeGreaterThan(known.size / 3);
    expect(models.filter((model) => !known.has(model.id))).toEqual([]);
    expect(new Set(models.map((model) => model.id)).size).toBe(models.length);
  });
});
