import { asArray, asObject } from '../../core/json.ts';

/** Restates a body as the events of a stream: each block begins whole. What is no message stays as it is. */
export function* replay(body: unknown): Iterable<unknown> {
  const message = asObject(body);
  if (message?.type !== 'message') {
    yield body;
    return;
  }
  const { content, stop_reason, stop_details, ...rest } = message;
  yield { type: 'message_start', message: rest };
  for (const [index, block] of asArray(content).entries()) {
    yield { type: 'content_block_start', index, content_block: block };
    yield { type: 'content_block_stop', index };
  }
  yield { type: 'message_delta', delta: { stop_reason, stop_details } };
  yield { type: 'message_stop' };
}
