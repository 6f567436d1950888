import { z } from 'zod';
import { whole } from './fields.ts';

export const auditSchema = z
  .strictObject({
    keep_days: whole(1, 3_660, 'How long an event is kept.').default(400),
    refusals_per_minute: whole(
      0,
      6_000,
      'The most refused calls a minute that have an event of their own. The others are counted in one.',
    ).default(60),
  })
  .meta({ title: 'Audit', description: 'What is kept of changes, and of calls that were refused.' });
