import { z } from 'zod';
import { describe, durationMs, number, type TextRule, text, whole } from './fields.ts';

const targetRule: TextRule = {
  pattern: /^[a-z0-9][a-z0-9_-]{0,62}\/[!-)+-~]{1,256}$/,
  problem: 'is not a model at a provider',
  fix: 'Write "provider/id" with the name under which the provider is configured, such as openai/gpt-6-luna.',
};

const dayRule: TextRule = {
  pattern: /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/,
  problem: 'is not a day',
  fix: 'Write it as YYYY-MM-DD, such as 2027-01-31.',
};

const MOST_TOKENS = 2 ** 31 - 1;
const tokens = (description: string) => whole(1, MOST_TOKENS, description).optional();

const NANO_DIGITS = 9;

/** An amount that nine digits after the point hold: a number of the file is then the amount that was written. */
const usd = (description: string) =>
  number(0, 1_000_000, description).refine((value) => Number(value.toFixed(NANO_DIGITS)) === value, {
    error: 'is finer than a thousand-millionth of a dollar',
    params: { fix: 'Give it with at most nine digits after the point.' },
  });

const rates = {
  input_usd_per_million: usd('A million input tokens, in US dollars.'),
  output_usd_per_million: usd('A million output tokens.'),
  cached_input_usd_per_million: usd('A million input tokens read from its prompt cache. Unset: as input.').optional(),
  cache_write_usd_per_million: usd('A million input tokens written to its prompt cache. Unset: as input.').optional(),
  cache_write_1h_usd_per_million: usd('The same, kept for an hour. Unset: as cache_write.').optional(),
  audio_input_usd_per_million: usd('A million input tokens of audio. Unset: as input.').optional(),
};

const tierSchema = z.strictObject({
  above_input_tokens: whole(1, MOST_TOKENS, 'The tier is for whole requests with more input tokens than this.'),
  ...rates,
});

/** A whole price is left out where one of its two main rates is missing, so neither can be required by itself. */
const priceSchema = z
  .strictObject({
    ...rates,
    input_usd_per_million: rates.input_usd_per_million.optional(),
    output_usd_per_million: rates.output_usd_per_million.optional(),
    tiers: z
      .array(tierSchema)
      .max(16)
      .meta({ description: 'Other rates for larger requests. Each tier stands for itself.' })
      .default([]),
    source: z
      .string()
      .min(1)
      .max(256)
      .meta({ description: 'Where the price was read. Every cost says so.' })
      .default('configuration'),
    as_of: describe(text(dayRule), 'The day on which it was read, as YYYY-MM-DD.').optional(),
  })
  .refine((price) => price.input_usd_per_million !== undefined && price.output_usd_per_million !== undefined, {
    error: 'is not complete',
    params: { fix: 'Give both input_usd_per_million and output_usd_per_million.' },
  })
  .meta({
    title: 'Price',
    description: 'What the model costs. It stands in the place of the whole built-in price.',
    required: ['input_usd_per_million', 'output_usd_per_million'],
  });

const modelSchema = z
  .strictObject({
    context_window_tokens: tokens('The most tokens of input and output together.'),
    max_input_tokens: tokens('The most input tokens, where that is less than the context window leaves.'),
    max_output_tokens: tokens('The most output tokens.'),
    abilities: z
      .array(z.enum(['image_input', 'audio_input', 'document_input', 'tools', 'json_schema', 'reasoning']))
      .max(16)
      .meta({ description: 'All that it can do.' })
      .optional(),
    tier: z
      .enum(['fast', 'balanced', 'premium', 'economy', 'standard'])
      .meta({ description: 'The tier it belongs to. economy and standard are former names of fast and balanced.' })
      .optional(),
    lifecycle: z
      .enum(['active', 'deprecated', 'retired'])
      .meta({ description: 'Where it is in its life. active also takes a built-in retirement date away.' })
      .optional(),
    retirement_date: describe(text(dayRule), 'The day from which it is no longer served, as YYYY-MM-DD.').optional(),
    price: priceSchema.optional(),
  })
  .meta({ title: 'Model', description: 'What is known of a model. What is unset stays as it is built in.' });

export const catalogueSchema = z
  .strictObject({
    models: z
      .record(text(targetRule), modelSchema)
      .meta({ description: 'Models by "provider/id", with what to change or add about each.' })
      .default({}),
    refresh_ms: durationMs(
      60_000,
      'How often the lists of models of the providers are read again, in milliseconds. Unset: never.',
    ).optional(),
  })
  .meta({ title: 'Catalogue', description: 'What is known of models: limits, prices, abilities, the day they end.' });

export type CatalogueEntry = z.infer<typeof catalogueSchema>;
export type ModelEntry = z.infer<typeof modelSchema>;
export type PriceEntry = z.infer<typeof priceSchema>;
