import { create } from '@bufbuild/protobuf';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../../src/core/target.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { providerOf } from './fixtures.ts';
import { anthropic } from './recorded/anthropic.ts';
import { google } from './recorded/google.ts';
import { openai } from './recorded/openai.ts';
import { openrouter } from './recorded/openrouter.ts';
import type { Recorded } from './recorded/recorded.ts';
import { responses } from './recorded/responses.ts';
import { yandex } from './recorded/yandex.ts';
import type { Exchange } from './recordings.ts';

const all = [openai, responses, anthropic, google, openrouter, yandex];

/** What must become of all recordings together. */
export const recorded: Recorded = {
  broken: Object.assign({}, ...all.map(({ broken }) => broken)),
  kinds: Object.assign({}, ...all.map(({ kinds }) => kinds)),
};

/** Recorded under another name than that of their kind. */
const otherNames: Readonly<Record<string, string>> = { azure_openai: 'azure' };

/** The kind of provider that a recording is of: the preset for it, if there is one. */
export function kindOf({ provider }: Pick<Exchange, 'provider'>): string {
  const name = provider.replace(/^openai_compatible:/, '');
  const kind = otherNames[name] ?? name;
  return providerKinds.has(kind) ? kind : 'openai_compatible';
}

/** The dialect that a recording is in, and its target. */
export function speaking(exchange: Exchange): { dialect: Dialect; target: Target } {
  const kind = kindOf(exchange);
  const provider = providerOf(kind, exchange.endpoint === 'responses' ? { api: 'responses' } : {});
  const model = exchange.model ?? '';
  return { dialect: provider.dialect(create(CompleteRequestSchema), model), target: { provider: kind, model } };
}
