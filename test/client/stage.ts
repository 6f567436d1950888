import { onTestFinished } from 'vitest';
import { type ClientSettings, createClient } from '../../src/client/client.ts';
import { AntiphonError } from '../../src/client/error.ts';
import { user } from '../../src/client/messages.ts';
import { providerAt, startGateway, type TestGateway } from '../support/gateway.ts';
import { type Script, startUpstream } from '../support/upstream.ts';

export const clientOf = (
  { httpPort }: Pick<TestGateway, 'httpPort'>,
  settings: Omit<ClientSettings, 'baseUrl' | 'transport'> = {},
) => createClient({ ...settings, baseUrl: `http://127.0.0.1:${httpPort}` });

export const hello = { model: 'mock/echo', messages: [user('hello')] };

/** A request of which the mock makes this. */
export const mocked = (mock: Record<string, string | number>) => ({ ...hello, providerOptions: { mock } });

/** A gateway before a provider, called "test", that follows a script; and a client of it. */
export async function stageOf(script: Script) {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const gateway = await startGateway({ env: providerAt(upstream.url) });
  onTestFinished(() => gateway.close());
  return { upstream, gateway, client: clientOf(gateway) };
}

/** What a call failed with. */
export async function errorOf(call: Promise<unknown>): Promise<AntiphonError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof AntiphonError) return thrown;
  throw new Error('it did not fail as clients of Antiphon do', { cause: thrown });
}

/** All that there is to read. */
export async function all<T>(pieces: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const piece of pieces) read.push(piece);
  return read;
}
