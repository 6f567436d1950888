import { z } from 'zod';
import { durationMs } from './fields.ts';

const words = {
  connect_ms: 'Until a request is on a connection to the provider.',
  first_token_ms: 'From there to the first piece of content of a stream.',
  idle_ms: 'Between two pieces of content of a stream.',
  total_ms: 'A whole try that does not stream.',
  stream_total_ms: 'A whole try that streams.',
  stall_ms: 'How long a caller may leave a full buffer unread.',
};

const limit = (name: keyof typeof words, more = '') => durationMs(1, `${words[name]}${more}`);

export const timeoutsSchema = z
  .strictObject({
    connect_ms: limit('connect_ms').default(10_000),
    first_token_ms: limit('first_token_ms', ' Unset: as total_ms.').optional(),
    idle_ms: limit('idle_ms', ' Unset: 60,000.').optional(),
    total_ms: limit('total_ms').default(60_000),
    stream_total_ms: limit('stream_total_ms', ' Unset: 600,000, or total_ms if that is more.').optional(),
    stall_ms: limit('stall_ms').default(30_000),
  })
  .meta({ title: 'Timeouts', description: 'How long things may take, in milliseconds.' });

/** The same for some calls only. */
export const ownTimeoutsSchema = z
  .strictObject({
    connect_ms: limit('connect_ms').optional(),
    first_token_ms: limit('first_token_ms').optional(),
    idle_ms: limit('idle_ms').optional(),
    total_ms: limit('total_ms').optional(),
    stream_total_ms: limit('stream_total_ms').optional(),
    stall_ms: limit('stall_ms').optional(),
  })
  .meta({ title: 'OwnTimeouts', description: 'How long things may take for these calls. Unset: as for all others.' });

export type TimeoutsEntry = z.infer<typeof timeoutsSchema>;
export type OwnTimeoutsEntry = z.infer<typeof ownTimeoutsSchema>;
