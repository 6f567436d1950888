import { asObject, asString } from '../../core/json.ts';

/** Restates a body as the event that ends a stream: it holds the whole response. */
export function replay(body: unknown): Iterable<unknown> {
  const response = asObject(body);
  if (response?.object !== 'response') return [body];
  return [{ type: `response.${asString(response.status)}`, response }];
}
