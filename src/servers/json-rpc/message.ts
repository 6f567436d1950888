import { asObject, type UnknownObject } from '../../core/json.ts';

/** What ties an answer to its request. */
export type RpcId = string | number | null;

/** A request, as JSON-RPC 2.0 has it. Source: https://www.jsonrpc.org/specification (2026-11-21). */
export interface RpcRequest {
  /** Undefined: a notification, which gets no answer. */
  readonly id: RpcId | undefined;
  readonly method: string;
  /** By name. */
  readonly params: UnknownObject;
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: UnknownObject;
}

export type RpcResponse = { readonly jsonrpc: '2.0'; readonly id: RpcId } & (
  | { readonly result: unknown }
  | { readonly error: RpcError }
);

export const rpcErrors = {
  parse: { code: -32_700, message: 'The body is not JSON.' },
  request: { code: -32_600, message: 'This is not a request of JSON-RPC 2.0.' },
  method: { code: -32_601, message: 'There is no such method.' },
  params: { code: -32_602, message: 'The params must be an object, by the names of the contract.' },
} as const satisfies Record<string, RpcError>;

export const resultResponse = (id: RpcId, result: unknown): RpcResponse => ({ jsonrpc: '2.0', id, result });

export const errorResponse = (id: RpcId, error: RpcError): RpcResponse => ({ jsonrpc: '2.0', id, error });

/** A request from JSON; or the answer to what is none. */
export function rpcRequest(value: unknown): RpcRequest | RpcResponse {
  const message = asObject(value);
  const id = idOf(message?.id);
  const method = message?.method;
  if (message?.jsonrpc !== '2.0' || typeof method !== 'string' || id === NO_ID)
    return errorResponse(id === NO_ID ? null : (id ?? null), rpcErrors.request);
  const params = message.params === undefined ? {} : asObject(message.params);
  if (!params) return errorResponse(id ?? null, rpcErrors.params);
  return { id, method, params };
}

/** What stands there cannot be an id. */
const NO_ID = Symbol('no id');

function idOf(value: unknown): RpcId | undefined | typeof NO_ID {
  if (value === undefined || value === null) return value;
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)) ? value : NO_ID;
}
