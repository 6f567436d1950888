import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest, FinishReason, Usage, Warning } from '#gen/antiphon/v1/completion_pb.js';
import type { Billing } from '../core/billing.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Delta } from '../core/events.ts';
import type { Target } from '../core/target.ts';
import type { Framing } from '../wire/frames.ts';
import type { Frame } from '../wire/sse.ts';

/** A request in a provider's words. */
export interface WireRequest {
  /** Appended to the provider's base address; begins with "/". */
  readonly path: string;
  readonly body: JsonObject;
  /** What was dropped or changed. */
  readonly warnings: readonly Warning[];
  /**
   * A JSON Schema that the answer's text is to fit, where the provider can only be asked to keep to it in words. The
   * answer is held against it. Undefined: none was asked for, or the provider sees to it.
   */
  readonly unenforced?: JsonObject;
}

/** What is known when the answer is over. */
export interface Ending {
  readonly finishReason: FinishReason;
  /** The provider's own word for it. */
  readonly providerFinishReason: string;
  /** Undefined: the provider gave none. */
  readonly usage: Usage | undefined;
  readonly providerModel: string;
  readonly providerResponseId: string;
  readonly warnings: readonly Warning[];
  /** What the price depends on besides the usage. */
  readonly billing?: Billing;
}

/** Hears one answer. Errors: GatewayError, also for a failure that the provider reports inside the answer. */
export interface Decoder {
  /** Takes a frame as it came. */
  push(frame: Frame): void;
  /** Takes a frame's content already parsed: what `replay` gives. */
  chunk(content: unknown): void;
  /** Whether the provider has said that nothing more comes. What follows need not be read. */
  readonly done: boolean;
  /** Call it once, after `done` or when the bytes end. Throws `upstream_incomplete` if the answer is not whole. */
  end(): Ending;
}

/** A failed answer as it came. `headers` has lower-case names. */
export interface FailedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A wire format. Pure: no I/O, no clock, no environment. */
export interface Dialect {
  readonly name: string;
  /** How a streamed answer is cut into frames. */
  readonly framing: Framing;
  /** The request in the provider's words. Errors: `invalid_request`, `model_lacks_ability`, `field_not_supported`. */
  toWire(request: CompleteRequest, target: Target, stream: boolean): WireRequest;
  /** A fresh decoder that gives its pieces to `emit`. */
  decoder(target: Target, emit: (delta: Delta) => void): Decoder;
  /** Restates a unary body as the contents of frames, so that there is one decoder. */
  replay(body: unknown): Iterable<unknown>;
  /** What a status other than 2xx, or an error inside a 200, means. */
  failure(reply: FailedReply): GatewayError;
}
