import type { Exchange } from '../../support/recordings.ts';
import { officialChat, openAiFailure } from './official-chat.ts';
import { googleFailure, officialGenerate } from './official-generate.ts';
import { anthropicFailure, officialMessages } from './official-messages.ts';
import { officialResponses } from './official-responses.ts';
import type { Outcome, ReadFailure, Reading } from './reading.ts';

interface Package {
  /** Errors: those of the package. */
  readonly read: (exchange: Exchange, baseUrl: string) => Promise<Reading>;
  readonly failure: (error: Error) => ReadFailure;
}

/** The official package for each wire format, and what it makes of an answer. */
const packages: Readonly<Record<Exclude<Exchange['endpoint'], 'models'>, Package>> = {
  chat: { read: officialChat, failure: openAiFailure },
  responses: { read: officialResponses, failure: openAiFailure },
  messages: { read: officialMessages, failure: anthropicFailure },
  generate: { read: officialGenerate, failure: googleFailure },
};

/** What the provider's official package makes of the recording that the upstream replays. */
export async function official(exchange: Exchange, baseUrl: string): Promise<Outcome> {
  const { endpoint } = exchange;
  if (endpoint === 'models') throw new Error('a listing of models is not an answer');
  const { read, failure } = packages[endpoint];
  try {
    return { reading: await read(exchange, baseUrl) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { failure: failure(error) };
  }
}
