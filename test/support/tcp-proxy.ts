import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What can go wrong between a caller and the gateway. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that still come from callers. */
  readonly open: number;
  /** From now on nothing is read any more on either side, and nobody is told. */
  vanish(): void;
  /** The gateway sees every caller's connection break with a reset. */
  reset(): void;
  /** The gateway sees every caller's connection end in an orderly way. */
  hangUp(): void;
  close(): Promise<void>;
}

/** Passes bytes on to a port of 127.0.0.1. */
export async function tcpProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<{ caller: Socket; gateway: Socket }>();
  const server = createServer((caller) => {
    const gateway = connect(port, '127.0.0.1');
    const pair = { caller, gateway };
    pairs.add(pair);
    caller.pipe(gateway);
    gateway.pipe(caller);
    caller.on('error', () => gateway.destroy()).on('close', () => pairs.delete(pair));
    gateway.on('error', () => caller.destroy()).on('close', () => caller.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const each = (act: (pair: { caller: Socket; gateway: Socket }) => void) => {
    for (const pair of [...pairs]) act(pair);
  };
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return pairs.size;
    },
    vanish: () =>
      each(({ caller, gateway }) => {
        caller.unpipe(gateway);
        gateway.unpipe(caller);
        caller.pause();
        gateway.pause();
      }),
    reset: () => each(({ gateway }) => gateway.resetAndDestroy()),
    hangUp: () => each(({ gateway }) => gateway.end()),
    async close() {
      each(({ caller, gateway }) => {
        caller.destroy();
        gateway.destroy();
      });
      server.close();
      await once(server, 'close');
    },
  };
}
