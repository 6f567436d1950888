import { create, type DescMessage, type DescMethod, fromJson, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { CallOptions, DoorClient } from './doors.ts';
import { jsonOf } from './json-of.ts';
import { doorErrorOf } from './openai-door.ts';

const methods: Readonly<Record<string, string>> = {
  Complete: 'llm.complete',
  ListModels: 'llm.models',
  Health: 'llm.health',
};

type Unary = DescMethod & { readonly input: DescMessage; readonly output: DescMessage };

/** Calls the methods that do not stream through JSON-RPC. */
export function jsonRpcDoor(port: number): DoorClient {
  const unary = async (
    method: Unary,
    init: MessageInitShape<DescMessage>,
    { headers = {}, signal }: CallOptions<never> = {},
  ) => {
    const params = toJson(method.input, create(method.input, init));
    const response = await fetch(`http://127.0.0.1:${port}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'one', method: methods[method.name], params }),
      ...(signal ? { signal } : {}),
    });
    const { jsonrpc, id, result, error } = await jsonOf(response);
    if (jsonrpc !== '2.0') throw new Error('the answer is not one of JSON-RPC');
    const replied = { headers: Object.fromEntries(response.headers) };
    if (error) return { ...replied, messages: [], error: doorErrorOf(error.message, error.data, response.headers) };
    if (id !== 'one') throw new Error('the answer is that of another request');
    return { ...replied, messages: [fromJson(method.output, result)], error: undefined };
  };
  const stream = () => Promise.reject(new Error('JSON-RPC has no streams here'));
  return { unary, stream, close: () => undefined } as unknown as DoorClient;
}
