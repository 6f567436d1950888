// A process of its own: does jobs that its parent sends, one at a time, and sends back what came of them.
import { endWithParent } from '../listening.ts';
import type { Caller } from './caller.ts';
import { Arrivals, runCancel } from './cancel.ts';
import { connectCaller } from './connect-caller.ts';
import { directCaller } from './direct-caller.ts';
import { grpcCaller } from './grpc-caller.ts';
import type { Destination, Job, LoopJob, Received, Results } from './job.ts';
import { runLoop } from './loop.ts';
import { openAiCaller } from './openai-caller.ts';

/** gRPC calls per connection; a server takes far more, but clients are many. */
const CALLS_PER_CONNECTION = 20;

function callerFor(to: Destination, concurrency: number): Caller {
  if (to.protocol === 'grpc') return grpcCaller(to, Math.ceil(concurrency / CALLS_PER_CONNECTION));
  if (to.protocol === 'connect') return connectCaller(to, concurrency);
  return to.protocol === 'openai' ? openAiCaller(to, concurrency) : directCaller(to, concurrency);
}

const arrivals = new Arrivals();

async function using<T>(to: Destination, concurrency: number, work: (caller: Caller) => Promise<T>): Promise<T> {
  const caller = callerFor(to, concurrency);
  try {
    return await work(caller);
  } finally {
    await caller.close();
  }
}

const loop = (job: LoopJob) => using(job.to, job.concurrency, (caller) => runLoop(job, caller));

function run(job: Job): Promise<Results[keyof Results]> {
  if (job.kind === 'loop') return loop(job);
  if (job.kind === 'loops') return Promise.all(job.loops.map(loop));
  return using(job.to, 1, (caller) => runCancel(job, caller, arrivals));
}

process.on('message', async (message: Job | Received) => {
  if (message.kind === 'received') arrivals.add(message.model);
  else process.send?.(await run(message));
});
endWithParent();
