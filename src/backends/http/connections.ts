import type { TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { buildConnector, Client, type Dispatcher, Pool } from 'undici';

/** What an exchange is told besides undici's events. */
export interface ReuseAware extends Dispatcher.DispatchHandler {
  /** Set when the request is given to a connection: whether that has carried a request before. */
  reusedConnection?: boolean;
  /** Set then, too: to be called if nobody wants the connection any more that is being made for the request. */
  abandon?: () => void;
}

export interface ConnectionOptions {
  readonly maxConnections: number;
  readonly connectMs: number;
  /** Largest block of response headers. */
  readonly maxHeaderBytes?: number;
  /** What finds the addresses of a host, and what breaks off a connection that is only being made. */
  readonly sockets?: Pick<TcpNetConnectOpts, 'lookup' | 'signal'>;
}

/**
 * A connection that tells each request whether it is the first on it, and is not made any further when the request is
 * abandoned: undici goes on with that, though there is one request to a connection.
 */
class CountingClient extends Client {
  readonly #making: { socket?: Duplex | undefined };
  #carried = 0;

  constructor(origin: string | URL, { connect: _, ...options }: ClientOptions, connector: Connector) {
    const making: { socket?: Duplex | undefined } = {};
    super(origin, {
      ...options,
      connect(place, done) {
        making.socket = connector(place, (...made) => {
          making.socket = undefined;
          done(...made);
        }) as unknown as Duplex;
      },
    });
    this.#making = making;
    const forget = () => {
      this.#carried = 0;
    };
    this.on('disconnect', forget).on('connectionError', forget);
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: ReuseAware): boolean {
    handler.reusedConnection = this.#carried++ > 0;
    handler.abandon = () => this.#making.socket?.destroy(new Error('abandoned'));
    return super.dispatch(options, handler);
  }
}

type ClientOptions = ReturnType<typeof clientOptions>;
type Connector = ReturnType<typeof buildConnector>;

/** Connections to one provider. */
export interface Connections {
  dispatch(options: Dispatcher.DispatchOptions, handler: ReuseAware): void;
  /** On a connection of its own that nothing has used before. */
  dispatchFresh(options: Dispatcher.DispatchOptions, handler: ReuseAware): void;
  /** Resolves when all connections are closed; what is under way is broken off. */
  close(): Promise<void>;
}

/**
 * undici's own timers are switched off, since they fire up to a second late; `timeouts` has the gateway's. HTTP/2 is
 * off: it brings no throughput here, and one connection would be one failure domain. Idle connections are dropped
 * after 4 s, before a provider drops them.
 */
const clientOptions = ({ connectMs, maxHeaderBytes, sockets }: ConnectionOptions) => ({
  pipelining: 1,
  allowH2: false,
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: 4_000,
  keepAliveTimeoutThreshold: 2_000,
  maxHeaderSize: maxHeaderBytes ?? 16_384,
  // A second more than ours: it only clears away sockets whose callers have left.
  connect: { minVersion: 'TLSv1.2' as const, timeout: connectMs + 1_000, allowH2: false, ...sockets },
});

export function connections(origin: string, options: ConnectionOptions): Connections {
  const settings = clientOptions(options);
  // One for all connections: it has the TLS sessions, which make the next ones quicker.
  const connector = buildConnector(settings.connect);
  const pool = new Pool(origin, {
    ...settings,
    connections: options.maxConnections,
    factory: (url) => new CountingClient(url, settings, connector),
  });
  return {
    dispatch(request, handler) {
      pool.dispatch(request, handler);
    },
    dispatchFresh(request, handler) {
      const client = new CountingClient(origin, settings, connector);
      client.dispatch(request, handler);
      void client.close();
    },
    close: () => pool.destroy(),
  };
}
