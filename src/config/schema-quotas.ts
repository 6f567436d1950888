import { z } from 'zod';
import { describe, flag, modelRule, nameRule, number, text, whole } from './fields.ts';

/** What fits into a number without loss, in thousand-millionths of a dollar too. */
const MOST_COUNTED = 1_000_000_000_000;
const MOST_USD = 1_000_000;

const requests = (window: string) => whole(1, MOST_COUNTED, `The most calls ${window}.`).optional();
const tokens = (window: string) => whole(1, MOST_COUNTED, `The most tokens ${window}, input and output.`).optional();
const usd = (window: string) => number(0.000_001, MOST_USD, `The most US dollars ${window}.`).optional();

const limitsSchema = z.strictObject({
  requests_per_minute: requests('within any minute'),
  requests_per_hour: requests('an hour'),
  requests_per_day: requests('a day'),
  requests_per_month: requests('a month'),
  tokens_per_minute: tokens('within any minute'),
  tokens_per_hour: tokens('an hour'),
  tokens_per_day: tokens('a day'),
  tokens_per_month: tokens('a month'),
  usd_per_hour: usd('an hour'),
  usd_per_day: usd('a day'),
  usd_per_month: usd('a month'),
});

export type LimitsEntry = z.infer<typeof limitsSchema>;

const table = (name: z.ZodString, description: string) =>
  z
    .record(z.union([z.literal('*'), name]), limitsSchema)
    .meta({ description })
    .default({});

export const quotasSchema = z
  .strictObject({
    all: limitsSchema.meta({ description: 'Of all calls together.' }).prefault({}),
    teams: table(text(nameRule('a team')), 'By the name of a team. "*" for each one that is not named.'),
    keys: table(text(nameRule('a key')), 'By the name of a key. "*" for each one that is not named.'),
    models: table(
      text(modelRule),
      'By "provider/id", of all callers together. "*" for each one that is not named. A call that finds no room goes on to its next model.',
    ),
    output_tokens: whole(
      1,
      1_000_000,
      'The output that is held for a call without max_tokens. What it uses in the end is what counts.',
    ).default(1_000),
    allow_unpriced: flag(
      'Whether models without a known price may be called where dollars are limited. They count as nothing.',
    ).default(false),
    alert_at_percent: z
      .array(describe(number(1, 1000, 'A share of a limit.'), 'A share of a limit, in percent.'))
      .max(10)
      .meta({
        description:
          'Shares of a limit, in percent: when one is passed, a line is logged and counted. Unset: 80 and 100.',
      })
      .optional(),
  })
  .meta({ title: 'Quotas', description: 'How much callers may use, and how often they may call.' });
