import { errors } from 'undici';
import { describe, expect, it } from 'vitest';
import { isReset, transportError } from '../../src/backends/http/transport-error.ts';
import { GatewayError } from '../../src/core/errors.ts';

const withCode = (code: string, message = 'read failed') => Object.assign(new Error(message), { code });

const table: readonly (readonly [string, Error, string])[] = [
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'].map(
    (code) => [code, withCode(code), 'upstream_unreachable'] as const,
  ),
  ...['ECONNRESET', 'EPIPE'].map((code) => [code, withCode(code), 'upstream_reset'] as const),
  ...[
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
    'EPROTO',
  ].map((code) => [code, withCode(code), 'upstream_tls'] as const),
  ['ETIMEDOUT', withCode('ETIMEDOUT'), 'upstream_timeout'],
  ['a connect timeout', new errors.ConnectTimeoutError('x'), 'upstream_timeout'],
  ['a closed socket', new errors.SocketError('other side closed'), 'upstream_incomplete'],
  ['a length that does not fit', new errors.ResponseContentLengthMismatchError(), 'upstream_incomplete'],
  ['too many headers', new errors.HeadersOverflowError(), 'upstream_bad_response'],
  ['an answer that is too large', new errors.ResponseExceededMaxSizeError('x'), 'upstream_too_large'],
  ['what is not HTTP', new errors.HTTPParserError('x'), 'upstream_bad_response'],
  ["the parser's own code", withCode('HPE_INVALID_CHUNK_SIZE'), 'upstream_bad_response'],
  [
    'several addresses',
    new AggregateError([withCode('ECONNREFUSED'), withCode('EHOSTUNREACH')]),
    'upstream_unreachable',
  ],
  ['an error around one', new Error('x', { cause: withCode('CERT_HAS_EXPIRED') }), 'upstream_tls'],
  ['no address', new AggregateError([]), 'upstream_reset'],
  ['a code that is no text', Object.assign(new Error('x'), { code: 7 }), 'upstream_reset'],
  ['anything else', new Error('x'), 'upstream_reset'],
];

describe('transportError', () => {
  it.each(table)('%s', (_, error, kind) => {
    expect(transportError(error)).toMatchObject({ kind, cause: error });
  });

  it('says nothing of what the runtime said', () => {
    const { message } = transportError(withCode('ECONNREFUSED', 'connect ECONNREFUSED 10.1.2.3:443 sk-secret'));
    expect(message).toBe('The provider could not be reached. Try again, or use another model.');
  });

  it("leaves the gateway's own errors as they are", () => {
    const error = new GatewayError('upstream_timeout', 'Too slow.');
    expect(transportError(error)).toBe(error);
  });
});

describe('isReset', () => {
  it.each([
    [withCode('ECONNRESET'), true],
    [withCode('EPIPE'), true],
    [new errors.SocketError('other side closed'), true],
    [withCode('ECONNREFUSED'), false],
    [new errors.HTTPParserError('x'), false],
    [new Error('x'), false],
  ])('%s: %s', (error, expected) => expect(isReset(error)).toBe(expected));
});
