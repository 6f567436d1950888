import type { Dialect } from '../dialects/dialect.ts';

/** What a provider may pass on of a call in its request headers. */
export interface CallIds {
  /** The gateway's id of the call. */
  readonly callId: string;
}

/** A place that speaks a dialect. */
export interface Provider {
  /** The name under which it is configured; unique. */
  readonly name: string;
  /** Its name in OpenTelemetry's GenAI conventions (`gen_ai.provider.name`). */
  readonly telemetryName: string;
  /** Where requests go; no query, no trailing slash. */
  readonly baseUrl: URL;
  readonly dialect: Dialect;
  /** The request headers that sign a request and say whose it is. Names in lower case. */
  headers(ids: CallIds): Readonly<Record<string, string>>;
  /** The response header with the provider's id of the request, in lower case. */
  readonly requestIdHeader: string;
}
