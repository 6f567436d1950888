import type { CallContext } from '#gen/antiphon/v1/completion_pb.js';
import type { Span } from './span.ts';

/** A call as a door sees it, before anything is known of it. */
export interface TracedCall {
  /** The method's full name, for example "antiphon.v1.LlmService/Complete", or an HTTP method and a route. */
  readonly method: string;
  readonly system: 'grpc' | 'connectrpc' | 'jsonrpc' | 'http';
  /** The ids in the request itself, if its type has a place for them. */
  readonly fields: CallContext | undefined;
  /** A request header by its lower-case name. Several of one name are joined with commas. */
  readonly header: (name: string) => string | undefined;
}

export interface Tracing {
  /**
   * Resolves the ids of a call (field, then header, then W3C) and starts its SERVER span, which the door ends. Every id
   * is set and is printable ASCII, so that it may stand in a header. Never throws: bad ids are replaced.
   */
  open(call: TracedCall): { readonly context: CallContext; readonly span: Span };
}
