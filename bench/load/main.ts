// A process of its own: does jobs that its parent sends, one at a time, and sends back what came of them.
import { endWithParent } from '../listening.ts';
import type { Caller } from './caller.ts';
import { Arrivals, runCancel } from './cancel.ts';
import { connectCaller } from './connect-caller.ts';
import { directCaller } from './direct-caller.ts';
import { grpcCaller } from './grpc-caller.ts';
import type { Destination, Job, Received } from './job.ts';
import { runLoop } from './loop.ts';

/** gRPC calls per connection; a server takes far more, but clients are many. */
const CALLS_PER_CONNECTION = 20;

const concurrencyOf = (job: Job) => (job.kind === 'loop' ? job.concurrency : 1);

function callerFor(to: Destination, concurrency: number): Caller {
  if (to.protocol === 'grpc') return grpcCaller(to, Math.ceil(concurrency / CALLS_PER_CONNECTION));
  return to.protocol === 'connect' ? connectCaller(to, concurrency) : directCaller(to, concurrency);
}

const arrivals = new Arrivals();

async function run(job: Job) {
  const caller = callerFor(job.to, concurrencyOf(job));
  try {
    return await (job.kind === 'loop' ? runLoop(job, caller) : runCancel(job, caller, arrivals));
  } finally {
    await caller.close();
  }
}

process.on('message', async (message: Job | Received) => {
  if (message.kind === 'received') arrivals.add(message.model);
  else process.send?.(await run(message));
});
endWithParent();
