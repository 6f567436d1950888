import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';

/** With what a door proves who it is, and what callers must prove. All in PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** The authorities of callers. Undefined: no certificate is asked for. */
  readonly clientCa: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** TLS between the connections of a door and what speaks on them. */
export interface TlsLayer {
  /** Takes a new connection, before anything has been read of it. */
  take(socket: Socket): void;
  /**
   * Connections from now on get this; those that are open go on. Whether callers are asked for certificates stays as it
   * was. Errors: those of OpenSSL; then all stays as it was.
   */
  renew(material: TlsMaterial): void;
}

/** For a new connection to agree on TLS. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** `protocols`: those of ALPN, best first. `secured` gets each connection on which TLS was agreed. */
export function tlsLayer(
  material: TlsMaterial,
  protocols: readonly ('h2' | 'http/1.1')[],
  secured: (socket: TLSSocket) => void,
): TlsLayer {
  const asksCallers = material.clientCa !== undefined;
  const server = createServer({
    ...contextOf(material),
    ALPNProtocols: [...protocols],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    requestCert: asksCallers,
    rejectUnauthorized: asksCallers,
  });
  server.on('secureConnection', secured);
  // Who does not get as far is not a caller yet, and whatever it sent is not told of.
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return {
    take: (socket) => void server.emit('connection', socket),
    renew: (next) => server.setSecureContext(contextOf(next)),
  };
}

const contextOf = ({ cert, key, clientCa, minVersion }: TlsMaterial): SecureContextOptions => ({
  cert,
  key,
  minVersion,
  ...(clientCa === undefined ? {} : { ca: clientCa }),
});
