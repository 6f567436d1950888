import { anthropicMessages } from '../dialects/anthropic-messages.ts';
import { listing } from './anthropic/listing.ts';
import { anthropicQuirks } from './anthropic/models.ts';
import { promptCaching } from './anthropic/prompt-caching.ts';
import type { ProviderKind } from './provider.ts';

/** What other tools take by this name, such as `ANTHROPIC_BASE_URL`, is an address without the version. */
const withVersion = (baseUrl: URL): URL => (baseUrl.pathname === '/' ? new URL('/v1', baseUrl) : baseUrl);

/**
 * Anthropic itself. The version 2023-06-01 of its API takes what all of its models take; the newer one refuses sampling.
 *
 * Source: the npm package @anthropic-ai/sdk 1.11.0, client.mjs (2026-11-21).
 */
export const anthropic: ProviderKind = {
  kind: 'anthropic',
  baseUrl: 'https://api.anthropic.com/v1',
  needsKey: true,
  settings: [],
  apis: [],
  create: ({ name, baseUrl, headers }) => {
    const messages = anthropicMessages(anthropicQuirks);
    return {
      name,
      telemetryName: 'anthropic',
      baseUrl: withVersion(baseUrl),
      dialect: () => messages,
      headers: (_, key) => ({
        ...(key === undefined ? {} : { 'x-api-key': key }),
        'anthropic-version': '2023-06-01',
        ...headers,
      }),
      promptCaching,
      requestIdHeader: 'request-id',
      listing,
    };
  },
};
