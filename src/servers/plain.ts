import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';

/** What a method of a plain service knows of its call. */
export interface PlainContext {
  /** Aborts when the call is over, whoever ended it. */
  readonly signal: AbortSignal;
}

type PlainMethods<S extends DescService> = {
  readonly [K in keyof S['method']]: ServiceImpl<S>[K] extends (request: infer Q, context: never) => infer A
    ? (request: Q, context: PlainContext) => A
    : never;
};

/**
 * A service that is about the gateway and not about models: it is neither traced nor counted, and its methods give
 * promises and async iterables on every door. Errors: ConnectError; anything else becomes `internal`.
 */
export interface PlainService {
  readonly desc: DescService;
  readonly methods: Readonly<Record<string, PlainMethod>>;
}

/** Takes a message, or an async iterable of them, and gives a promise of one, or an async iterable. */
export type PlainMethod = (request: never, context: PlainContext) => unknown;

export function plainService<S extends DescService>(desc: S, methods: PlainMethods<S>): PlainService {
  return { desc, methods };
}

/** Why a stream of a plain service ends while the gateway stops. */
export const stopping = (): ConnectError => new ConnectError('The gateway is stopping.', Code.Unavailable);

/** Whatever a plain service threw, as what the caller may see of it. */
export const plainError = (thrown: unknown): ConnectError =>
  thrown instanceof ConnectError ? thrown : new ConnectError('internal error', Code.Internal);
