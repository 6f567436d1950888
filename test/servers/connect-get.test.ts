import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { jsonOf } from '../support/json-of.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { ALLOWED_MODELS: 'mock/echo' } });
});

afterAll(() => gateway.close());

const get = (method: string, message: object, headers: Record<string, string> = {}) => {
  const query = new URLSearchParams({ connect: 'v1', encoding: 'json', message: JSON.stringify(message) });
  return fetch(`http://127.0.0.1:${gateway.httpPort}/antiphon.v1.LlmService/${method}?${query}`, { headers });
};

it('ListModels and Health can be had by GET, as a browser or a cache would', async () => {
  const models = await get('ListModels', { allowedOnly: true }, { 'x-trace-id': 'trace-1' });
  expect([models.status, models.headers.get('x-trace-id')]).toEqual([200, 'trace-1']);
  expect(await jsonOf(models)).toMatchObject({ models: [{ provider: 'mock', id: 'echo' }] });
  expect(await jsonOf(await get('Health', {}))).toMatchObject({ status: 'HEALTH_STATUS_SERVING' });
});

it('a page that is none is refused by GET, too', async () => {
  const response = await get('ListModels', { pageToken: 'none' });
  expect(response.status).toBe(400);
  expect(await jsonOf(response)).toMatchObject({ code: 'invalid_argument' });
});

it('what costs something cannot be had by GET', async () => {
  for (const method of ['Complete', 'StreamComplete']) {
    const response = await get(method, { messages: [] });
    expect(response.status).toBe(405);
  }
});
