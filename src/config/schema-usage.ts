import { z } from 'zod';
import { text, whole } from './fields.ts';

const labelRule = {
  pattern: /^[a-z0-9_.-]{1,64}$/,
  problem: 'is not a possible name of a label',
  fix: 'Use up to 64 characters of a-z, 0-9, "_", "-" and ".".',
};

export const usageSchema = z
  .strictObject({
    labels: z
      .array(text(labelRule))
      .max(4)
      .meta({ description: "Callers' labels by which usage is counted, besides team, key, provider, model and day." })
      .default([]),
    keep_days: whole(1, 3_660, 'How long the usage of a day is kept.').default(400),
  })
  .meta({ title: 'Usage', description: 'What is kept of what calls use.' });
