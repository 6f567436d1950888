import { type ErrorKind, errorKinds, GatewayError } from '../core/errors.ts';

/** They are of one caller alone. */
const OF_CALLER: ReadonlySet<ErrorKind> = new Set(['cancelled', 'deadline_exceeded', 'slow_consumer']);

/**
 * Whether those who wait in other processes are told of a failure. One that is of the process or of its caller is none of
 * theirs: they try themselves.
 */
export const isTold = ({ rule, kind }: GatewayError): boolean => rule.fault !== 'gateway' && !OF_CALLER.has(kind);

/** A failure with what is safe to show, and nothing else. */
export const writeFailure = ({ kind, message, facts }: GatewayError): Uint8Array =>
  new TextEncoder().encode(JSON.stringify([kind, message, facts.retryAfterMs ?? null]));

const isKind = (value: unknown): value is ErrorKind => errorKinds.some((kind) => kind === value);

/** Undefined: this is no failure that can be read. */
export function readFailure(bytes: Uint8Array): GatewayError | undefined {
  try {
    const [kind, message, retryAfterMs]: unknown[] = JSON.parse(new TextDecoder().decode(bytes));
    if (!isKind(kind) || typeof message !== 'string') return undefined;
    return new GatewayError(kind, message, typeof retryAfterMs === 'number' ? { retryAfterMs } : {});
  } catch {
    return undefined;
  }
}
