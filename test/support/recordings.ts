import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One recorded exchange with a provider. The README of the recordings' folder says what the fields mean. */
export interface Exchange {
  readonly id: string;
  /** For example `openai` or `openai_compatible:groq`. */
  readonly provider: string;
  readonly endpoint: 'chat' | 'responses' | 'messages' | 'generate' | 'models';
  readonly mode: 'stream' | 'unary' | 'error';
  readonly model: string | null;
  readonly request: { readonly method: string; readonly host: string; readonly path: string; readonly body: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly bodyText?: string;
    readonly chunkSizes?: readonly number[];
    readonly leadingWhitespace?: string;
  };
  readonly traits: readonly string[];
}

/** Where recorded traffic is; undefined: tests of it are skipped. */
export const recordingsDir: string | undefined = process.env.RECORDINGS_DIR || undefined;

/** The recordings that `filter` lets through, ordered by id. None if there is no folder. */
export function loadRecordings(filter: (exchange: Exchange) => boolean = () => true): Exchange[] {
  if (recordingsDir === undefined) return [];
  const files = readdirSync(recordingsDir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.json'),
  );
  const exchanges = files.map((file): Exchange => JSON.parse(readFileSync(join(recordingsDir, file), 'utf8')));
  return exchanges.filter(filter).sort((a, b) => a.id.localeCompare(b.id));
}

/** The answer's body as it came, in the pieces in which it came where that is known. */
export function responseChunks({ response }: Exchange): Uint8Array[] {
  const { body, bodyText, chunkSizes, leadingWhitespace = '' } = response;
  const whole = Buffer.from(bodyText ?? leadingWhitespace + JSON.stringify(body));
  if (!chunkSizes) return [whole];
  let end = 0;
  return chunkSizes.map((size) => {
    end += size;
    return whole.subarray(end - size, end);
  });
}
