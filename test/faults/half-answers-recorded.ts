import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFixtures } from '../support/fixtures.ts';
import { kindOf } from '../support/recorded.ts';
import { loadRecordings, responseChunks } from '../support/recordings.ts';
import { type Protocol, protocols } from './half-answers-marks.ts';

/** The bytes of a streamed answer, and the provider that gives it. */
export interface RecordedStream {
  readonly name: string;
  /** As the configuration has it, besides the address and the key. */
  readonly provider: Readonly<Record<string, unknown>>;
  readonly protocol: Protocol;
  readonly bytes: Uint8Array;
}

const FIXTURES = join(import.meta.dirname, '../fixtures');

/** What some kinds cannot do without. */
const needed: Readonly<Record<string, object>> = { yandex_ai_studio: { folder_id: 'b1g00000000000000000' } };

/** Names as the configuration writes them. */
function inSnakeCase(settings: object): Record<string, unknown> {
  const entries = Object.entries(settings).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    typeof value === 'object' ? inSnakeCase(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function settingsOf(fixture: string): Record<string, unknown> {
  const file = join(FIXTURES, fixture, 'settings.json');
  return existsSync(file) ? inSnakeCase(JSON.parse(readFileSync(file, 'utf8'))) : {};
}

function protocolOf(kind: string, api: unknown): Protocol {
  if (kind === 'anthropic') return protocols.messages;
  if (kind === 'google') return protocols.generate;
  if (api === 'native') return protocols.foundation;
  return api === 'responses' ? protocols.responses : protocols.chat;
}

/** Every stream of the fixtures. */
export const fixtureStreams = (): RecordedStream[] =>
  loadFixtures().flatMap(({ name, stream }) => {
    const [kind = ''] = name.split('/');
    const settings = { ...(kind === 'openai' ? { api: 'chat' } : {}), ...settingsOf(name) };
    const provider = { kind, ...needed[kind], ...settings };
    return stream ? [{ name, provider, protocol: protocolOf(kind, settings.api), bytes: stream }] : [];
  });

/** Every stream of the recordings, if their folder is there. */
export const recordedStreams = (): RecordedStream[] =>
  loadRecordings(({ mode }) => mode === 'stream').map((exchange) => {
    const kind = kindOf(exchange);
    const api = exchange.endpoint === 'responses' ? 'responses' : 'chat';
    return {
      name: exchange.id,
      provider: { kind, ...needed[kind], ...(kind === 'openai' ? { api } : {}) },
      protocol: protocolOf(kind, api),
      bytes: Buffer.concat(responseChunks(exchange)),
    };
  });
