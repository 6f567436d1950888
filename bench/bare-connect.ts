// A process of its own: the floor for the Connect door. The same server library and undici, and nothing between them.
import { createServer } from 'node:http';
import type { HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { CompleteRequest, CompleteResponse, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { BareUpstream } from './bare-exchange.ts';
import { listening } from './listening.ts';

const upstream = new BareUpstream(process.argv.slice(2));

const complete = (request: CompleteRequest, { signal }: HandlerContext) =>
  new Promise<CompleteResponse>((answer, failed) => {
    const exchange = upstream.complete(request, { answer, failed });
    signal.addEventListener('abort', () => exchange.cancel());
  });

/** A handler of connect-node is pulled, undici pushes: what has come since the last pull is yielded in one go. */
async function* streamComplete(request: CompleteRequest, { signal }: HandlerContext) {
  let queue: StreamCompleteResponse[] = [];
  let over = false;
  let failure: Error | undefined;
  let wake = () => {};
  const exchange = upstream.stream(request, {
    message(message) {
      queue.push(message);
      wake();
      return queue.length < 16;
    },
    end() {
      over = true;
      wake();
    },
    failed(error) {
      failure = error;
      wake();
    },
  });
  signal.addEventListener('abort', () => {
    exchange.cancel();
    over = true;
    wake();
  });
  for (;;) {
    const batch = queue;
    queue = [];
    for (const message of batch) yield message;
    if (batch.length > 0) exchange.resume();
    if (failure) throw failure;
    if (queue.length > 0) continue;
    if (over) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

const routes = connectNodeAdapter({ routes: (router) => router.service(LlmService, { complete, streamComplete }) });
listening(createServer(routes));
