import { z } from 'zod';
import { bytes, durationMs } from './fields.ts';

const MIB = 1024 * 1024;

export const idempotencySchema = z
  .strictObject({
    ttl_ms: durationMs(1000, 'How long the answer to an idempotency key is kept, from when it is there.').default(
      86_400_000,
    ),
    max_answer_bytes: bytes(
      'The largest answer that is kept, in bytes. To a larger one, the key is free again.',
    ).default(4 * MIB),
    wait_ms: durationMs(
      0,
      'How long a call waits for one with the same key in another process, where they share a store. 0: it does not.',
    ).default(60_000),
    lease_ms: durationMs(
      1000,
      'How long a process that is silent counts as at work: after that, a call that waits for it takes over.',
    ).default(15_000),
    max_call_ms: durationMs(1000, 'How long a call with a key may take. It goes on without its caller.').default(
      600_000,
    ),
  })
  .meta({ title: 'Idempotency', description: 'Calls that are repeated with an idempotency key, and paid once.' });

export type IdempotencyEntry = z.infer<typeof idempotencySchema>;
