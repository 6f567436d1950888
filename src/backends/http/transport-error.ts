import { type ErrorKind, GatewayError } from '../../core/errors.ts';

const MESSAGES = {
  upstream_unreachable: 'The provider could not be reached. Try again, or use another model.',
  upstream_tls: "The provider's TLS certificate or handshake is not acceptable. Check the provider's address.",
  upstream_timeout: 'The provider did not accept the connection in time. Try again, or use another model.',
  upstream_reset: 'The connection to the provider broke before the answer was whole. Try again.',
  upstream_incomplete: "The provider's answer ended before it was whole. Try again.",
  upstream_bad_response: "The provider's answer is not valid HTTP. Try again, or use another model.",
  upstream_too_large: "The provider's answer is larger than the gateway accepts. Ask for less.",
} as const satisfies Partial<Record<ErrorKind, string>>;

type TransportKind = keyof typeof MESSAGES;

/** undici's and Node's codes. Source: undici 8.12 lib/core/errors.js, nodejs.org/api/errors.html (2026-11-21). */
const KINDS: Readonly<Record<string, TransportKind>> = {
  ECONNREFUSED: 'upstream_unreachable',
  ENOTFOUND: 'upstream_unreachable',
  EAI_AGAIN: 'upstream_unreachable',
  EHOSTUNREACH: 'upstream_unreachable',
  ENETUNREACH: 'upstream_unreachable',
  EADDRNOTAVAIL: 'upstream_unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'upstream_timeout',
  ETIMEDOUT: 'upstream_timeout',
  ECONNRESET: 'upstream_reset',
  EPIPE: 'upstream_reset',
  UND_ERR_SOCKET: 'upstream_incomplete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream_incomplete',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_bad_response',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'upstream_too_large',
};

/** What OpenSSL and Node call trouble with certificates and handshakes; there is no complete list. */
const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_OSSL|EPROTO|HOSTNAME_MISMATCH|INVALID_CA)/;

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** undici's parse errors have no code of their own, or one of the parser's ("HPE_..."); their name tells them apart. */
function kindOf(error: Error): TransportKind {
  const code = codeOf(error);
  const known = KINDS[code];
  if (known) return known;
  if (TLS_CODE.test(code)) return 'upstream_tls';
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) return 'upstream_bad_response';
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return kindOf(error.errors[0]);
  return error.cause instanceof Error ? kindOf(error.cause) : 'upstream_reset';
}

/** What happened to a connection, as the gateway's error. */
export function transportError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error;
  const kind = kindOf(error);
  return new GatewayError(kind, MESSAGES[kind], { cause: error });
}

/** Whether the other side closed the connection: what a provider does to one that was idle for too long. */
export const isReset = (error: Error): boolean => ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(codeOf(error));
