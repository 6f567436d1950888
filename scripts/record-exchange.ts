import { randomUUID } from 'node:crypto';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Target } from '../src/core/target.ts';
import type { Dialect } from '../src/dialects/dialect.ts';
import type { Provider } from '../src/providers/provider.ts';

/** One question to a provider. */
export interface Question {
  readonly provider: Provider;
  readonly dialect: Dialect;
  /** The dialect that hears what was scrubbed. */
  readonly heardBy: Dialect;
  readonly target: Target;
  readonly request: CompleteRequest;
  readonly key: string | undefined;
}

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const TIMEOUT_MS = 180_000;

/** No recording needs more. */
const MAX_BYTES = 8 << 20;

/** Asks the provider itself. Errors: one that says what failed, without the address. */
export async function ask({ provider, dialect, target, request, key }: Question, stream: boolean): Promise<RawAnswer> {
  const ids = { callId: randomUUID(), traceId: '', sessionId: '', sourceAgent: '' };
  const { path, body } = dialect.toWire(request, target, stream);
  const response = await fetch(provider.baseUrl.href.replace(/\/$/, '') + path, {
    method: 'POST',
    headers: {
      ...provider.headers(ids, key),
      'content-type': 'application/json',
      accept: stream ? 'text/event-stream' : 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'antiphon',
    },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > MAX_BYTES) throw new Error('The answer is too large to be kept. Ask for less.');
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: Buffer.from(bytes).toString(),
  };
}
