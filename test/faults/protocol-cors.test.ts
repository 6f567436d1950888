import { expect, test } from 'vitest';
import { type Scene, scene } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const APP = 'https://app.example';
const JSON_BODY = '{"model":"test-model","messages":[{"role":"ROLE_USER","content":[{"text":"hello"}]}]}';

const url = ({ gateway }: Scene) => `http://127.0.0.1:${gateway.httpPort}/antiphon.v1.LlmService/Complete`;

const preflight = (stage: Scene, origin: string) =>
  fetch(url(stage), {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  });

const call = (stage: Scene, origin: string) =>
  fetch(url(stage), { method: 'POST', body: JSON_BODY, headers: { origin, 'content-type': 'application/json' } });

test.each([
  ['a page that may call', APP, APP],
  ['another page', 'https://elsewhere.example', null],
])('row 59: %s gets its answer to a preflight without any call', async (_, origin, allowed) => {
  const stage = await scene((line) => line.json(200, chatBody('x')), {
    file: `server: { cors_origins: ["${APP}"] }`,
  });
  const asked = await preflight(stage, origin);
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe(allowed);
  expect(stage.upstream.received).toHaveLength(0);
  const answered = await call(stage, origin);
  expect(answered.status).toBe(200);
  expect(answered.headers.get('access-control-allow-origin')).toBe(allowed);
  expect(stage.upstream.received).toHaveLength(1);
  await stage.quiet({ connections: false });
});

test('row 59: where no page may call, a preflight is no method that is known, and no call', async () => {
  const stage = await scene((line) => line.json(200, chatBody('x')));
  const asked = await preflight(stage, APP);
  expect(asked.status).toBe(405);
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  expect(stage.upstream.received).toHaveLength(0);
});
