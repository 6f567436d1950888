import { expect, it, onTestFinished } from 'vitest';
import { MockProvider } from '../../bench/mock-provider.ts';
import { streamModel } from '../../bench/workload.ts';

it('does what it is told, counts requests for completions, and comes back where it was', async () => {
  const provider = await MockProvider.start();
  onTestFinished(() => provider.stop());
  const post = async (stream: boolean) => {
    const body = JSON.stringify({ model: streamModel(2, 0), stream });
    const response = await fetch(`http://${provider.address}/v1/chat/completions`, { method: 'POST', body });
    return { status: response.status, text: await response.text() };
  };
  const list = async () => (await fetch(`http://${provider.address}/v1/models`)).status;

  expect((await post(false)).text).toMatch(/^\{.*"finish_reason":"stop"/);
  expect((await post(true)).text).toMatch(/^data: .*\n\ndata: \[DONE\]\n\n$/s);
  expect(await list()).toBe(200);
  expect(await provider.become('failing')).toBe(2);
  expect((await post(true)).status).toBe(503);
  expect(await list()).toBe(503);
  expect(await provider.become('gone')).toBe(3);
  await expect(post(false)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  expect(await provider.become('working')).toBe(3);
  expect((await post(false)).status).toBe(200);
});
